"""The development identity provider: who logs in, what is asserted of them, and what is refused."""

import base64
import hashlib
import json
from collections.abc import Mapping
from typing import Any

import httpx
import pytest
from carnet_dev.identity_provider import application
from carnet_dev.login import LoginError, log_in
from carnet_dev.oidc_server import OidcServer
from carnet_dev.people import accounts
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet
from unit.dev.conftest import Time

ISSUER = "http://127.0.0.1:7110"
REDIRECT = "http://127.0.0.1:9999/back"
VERIFIER = "v" * 43
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()
QUERY = {
    "client_id": "carnet",
    "redirect_uri": REDIRECT,
    "response_type": "code",
    "scope": "openid",
    "state": "s",
    "nonce": "n",
    "code_challenge": CHALLENGE,
    "code_challenge_method": "S256",
}


@pytest.fixture
def server(time: Time) -> OidcServer:
    return OidcServer(ISSUER, [ECKey.generate_key("P-256")], accounts(), time)


@pytest.fixture
def http(server: OidcServer) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(application(server)), base_url=ISSUER)


async def claims_of(http: httpx.AsyncClient, id_token: str) -> Mapping[str, Any]:
    keys = KeySet.import_key_set((await http.get("/jwks")).json())
    decoded = jwt.decode(id_token, keys, algorithms=["ES256"])
    assert decoded.header["alg"] == "ES256"
    return decoded.claims


async def claims_about(http: httpx.AsyncClient, user: str, nonce: str = "") -> Mapping[str, Any]:
    return await claims_of(http, (await log_in(ISSUER, user, nonce=nonce, http=http)).id_token)


async def code(http: httpx.AsyncClient, user: str = "alice", **changes: str) -> str:
    answer = await http.post("/authorize", params={**QUERY, **changes}, data={"user": user})
    assert answer.status_code == 302, answer.text
    return httpx.URL(answer.headers["location"]).params["code"]


async def exchange(http: httpx.AsyncClient, code: str, **changes: str) -> httpx.Response:
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": REDIRECT, "client_id": "carnet", "code_verifier": VERIFIER}
    return await http.post("/token", data={**form, **changes})


async def test_a_professional_is_asserted_as_pro_sante_connect_does(http: httpx.AsyncClient, time: Time) -> None:
    claims = await claims_about(http, "alice")
    assert claims["preferred_username"] == claims["SubjectNameID"] == "899700366240"
    assert (claims["iss"], claims["aud"], claims["acr"], claims["amr"]) == (ISSUER, "carnet", "eidas2", ["mfa", "sc"])
    assert claims["SubjectRefPro"]["exercices"][0]["codeSavoirFaire"] == "SM26"
    assert (claims["iat"], claims["exp"], claims["auth_time"]) == (time.seconds, time.seconds + 300, time.seconds)
    assert not {"ins", "nonce"} & set(claims)


async def test_a_patient_is_asserted_by_her_ins(http: httpx.AsyncClient) -> None:
    claims = await claims_about(http, "dominique")
    assert (claims["ins"], claims["ins_authority"]) == ("279035121518989", "1.2.250.1.213.1.4.10")
    assert "preferred_username" not in claims


async def test_whoever_has_a_test_ins_can_be_a_patient(http: httpx.AsyncClient) -> None:
    claims = await claims_about(http, "ins:277076322082910")
    assert (claims["ins"], claims["ins_authority"], claims["acr"]) == ("277076322082910", "1.2.250.1.213.1.4.10", "eidas2")


async def test_everybody_of_the_page_logs_in_under_a_subject_of_their_own(http: httpx.AsyncClient) -> None:
    page = (await http.get("/authorize", params=QUERY)).text
    subjects = {(await claims_about(http, user))["sub"] for user in accounts() if f'value="{user}"' in page}
    assert len(subjects) == len(accounts())


async def test_two_assertions_never_share_their_id(http: httpx.AsyncClient) -> None:
    assert (await claims_about(http, "alice"))["jti"] != (await claims_about(http, "alice"))["jti"]


async def test_the_code_flow_ends_in_an_assertion_with_its_nonce(http: httpx.AsyncClient) -> None:
    page = await http.get("/authorize", params=QUERY)
    assert "Dr Alice UNTEL, general practice" in page.text
    answer = await exchange(http, await code(http))
    assert answer.headers["cache-control"] == "no-store"
    assert (await claims_of(http, answer.json()["id_token"]))["nonce"] == "n"
    assert (await claims_about(http, "alice", nonce="other"))["nonce"] == "other"


async def test_a_code_is_good_once(http: httpx.AsyncClient) -> None:
    once = await code(http)
    assert (await exchange(http, once)).status_code == 200
    assert (await exchange(http, once)).json()["error"] == "invalid_grant"


async def test_a_code_ends_after_a_minute(http: httpx.AsyncClient, time: Time) -> None:
    late = await code(http)
    time.seconds += 60
    assert (await exchange(http, late)).json()["error"] == "invalid_grant"


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"code_verifier": "w" * 43}, "invalid_grant"),
        ({"code_verifier": ""}, "invalid_request"),
        ({"client_id": "other"}, "invalid_client"),
        ({"redirect_uri": REDIRECT + "/2"}, "invalid_grant"),
    ],
)
async def test_a_code_serves_only_whom_it_was_given_to(http: httpx.AsyncClient, change: dict[str, str], error: str) -> None:
    answer = await exchange(http, await code(http), **change)
    assert (answer.status_code, answer.json()["error"]) == (400, error)


@pytest.mark.parametrize(
    "change",
    [{"client_id": "other"}, {"redirect_uri": "https://elsewhere.example/"}, {"redirect_uri": "http://127.0.0.1.elsewhere.example/"}],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_nobody_is_sent_to_strangers(http: httpx.AsyncClient, change: dict[str, str], method: str) -> None:
    answer = await http.request(method, "/authorize", params={**QUERY, **change}, data={"user": "alice"} if method == "POST" else None)
    assert answer.status_code == 400
    assert "location" not in answer.headers


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"code_challenge_method": ""}, "invalid_request"),
        ({"code_challenge": ""}, "invalid_request"),
        ({"scope": "everything"}, "invalid_scope"),
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_login_that_is_no_code_flow_with_pkce_is_refused(
    http: httpx.AsyncClient, change: dict[str, str], error: str, method: str
) -> None:
    answer = await http.request(method, "/authorize", params={**QUERY, **change}, data={"user": "alice"} if method == "POST" else None)
    back = httpx.URL(answer.headers["location"])
    assert (str(back.copy_with(query=None)), back.params["error"], back.params["state"]) == (REDIRECT, error, "s")
    assert "code" not in back.params


async def test_an_unknown_user_and_an_unknown_grant_are_refused(http: httpx.AsyncClient) -> None:
    with pytest.raises(LoginError, match="nobody"):
        await log_in(ISSUER, "nobody", http=http)
    for grant in ("password", "client_credentials", "urn:carnet:development:direct", ""):
        answer = await http.post("/token", data={"grant_type": grant, "user": "alice", "client_id": "carnet"})
        assert answer.json()["error"] == "unsupported_grant_type"


async def test_discovery_names_what_there_is(http: httpx.AsyncClient) -> None:
    discovery = (await http.get("/.well-known/openid-configuration")).json()
    assert discovery["issuer"] == ISSUER
    assert (await http.get(discovery["jwks_uri"])).status_code == 200


async def test_published_keys_are_public_and_the_first_signs(http: httpx.AsyncClient, server: OidcServer) -> None:
    before = (await log_in(ISSUER, "alice", http=http)).id_token
    server.keys = [ECKey.generate_key("P-256"), *server.keys]
    published = (await http.get("/jwks")).json()["keys"]
    assert not any("d" in key for key in published)
    for token, kid in ((before, published[1]["kid"]), ((await log_in(ISSUER, "alice", http=http)).id_token, published[0]["kid"])):
        assert json.loads(base64.urlsafe_b64decode(token.partition(".")[0] + "=="))["kid"] == kid
        assert await claims_of(http, token)
