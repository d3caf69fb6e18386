"""The development identity provider: what it asserts, and what it refuses."""

import base64
import hashlib
import json
from collections.abc import Mapping
from typing import Any

import httpx
import pytest
from carnet_dev.identity_provider import DIRECT_GRANT, IdentityProvider, application
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
def http(time: Time) -> httpx.AsyncClient:
    provider = IdentityProvider(ISSUER, ECKey.generate_key("P-256"), accounts(), time)
    return httpx.AsyncClient(transport=httpx.ASGITransport(application(provider)), base_url=ISSUER)


async def claims_of(http: httpx.AsyncClient, id_token: str) -> Mapping[str, Any]:
    keys = KeySet.import_key_set((await http.get("/jwks")).json())
    decoded = jwt.decode(id_token, keys, algorithms=["ES256"])
    assert decoded.header["alg"] == "ES256"
    return decoded.claims


async def code(http: httpx.AsyncClient, user: str = "alice", **changes: str) -> str:
    answer = await http.post("/authorize", params={**QUERY, **changes}, data={"user": user})
    assert answer.status_code == 303, answer.text
    return httpx.URL(answer.headers["location"]).params["code"]


async def exchange(http: httpx.AsyncClient, code: str, **changes: str) -> httpx.Response:
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": REDIRECT, "client_id": "carnet", "code_verifier": VERIFIER}
    return await http.post("/token", data={**form, **changes})


async def test_a_professional_is_asserted_by_her_idnps(http: httpx.AsyncClient, time: Time) -> None:
    answer = await http.post("/token", data={"grant_type": DIRECT_GRANT, "user": "alice"})
    claims = await claims_of(http, answer.json()["id_token"])
    assert claims["preferred_username"] == "899700366240"
    assert (claims["iss"], claims["aud"]) == (ISSUER, "carnet")
    assert claims["exp"] - claims["iat"] == 300
    assert claims["iat"] == time.seconds
    assert "ins" not in claims


async def test_a_patient_is_asserted_by_her_ins(http: httpx.AsyncClient) -> None:
    answer = await http.post("/token", data={"grant_type": DIRECT_GRANT, "user": "dominique"})
    claims = await claims_of(http, answer.json()["id_token"])
    assert (claims["ins"], claims["ins_authority"]) == ("279035121518989", "1.2.250.1.213.1.4.10")
    assert "preferred_username" not in claims


async def test_two_assertions_never_share_their_id(http: httpx.AsyncClient) -> None:
    grant = {"grant_type": DIRECT_GRANT, "user": "alice"}
    tokens = [(await http.post("/token", data=grant)).json()["id_token"] for _ in range(2)]
    assert (await claims_of(http, tokens[0]))["jti"] != (await claims_of(http, tokens[1]))["jti"]


async def test_the_code_flow_ends_in_an_assertion_with_its_nonce(http: httpx.AsyncClient) -> None:
    page = await http.get("/authorize", params=QUERY)
    assert "Dr Alice UNTEL, general practice" in page.text
    answer = await exchange(http, await code(http))
    assert answer.headers["cache-control"] == "no-store"
    assert (await claims_of(http, answer.json()["id_token"]))["nonce"] == "n"


async def test_a_code_is_good_once(http: httpx.AsyncClient) -> None:
    once = await code(http)
    assert (await exchange(http, once)).status_code == 200
    assert (await exchange(http, once)).json()["error"] == "invalid_grant"


async def test_a_code_ends_after_a_minute(http: httpx.AsyncClient, time: Time) -> None:
    late = await code(http)
    time.seconds += 60
    assert (await exchange(http, late)).json()["error"] == "invalid_grant"


@pytest.mark.parametrize("change", [{"code_verifier": "w" * 43}, {"client_id": "other"}, {"redirect_uri": REDIRECT + "/2"}])
async def test_a_code_serves_only_whom_it_was_given_to(http: httpx.AsyncClient, change: dict[str, str]) -> None:
    answer = await exchange(http, await code(http), **change)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"client_id": "other"}, "unauthorized_client"),
        ({"redirect_uri": "https://elsewhere.example/"}, "invalid_request"),
        ({"redirect_uri": "http://127.0.0.1.elsewhere.example/"}, "invalid_request"),
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"code_challenge": ""}, "invalid_request"),
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_login_is_refused_to_strangers(http: httpx.AsyncClient, change: dict[str, str], error: str, method: str) -> None:
    answer = await http.request(method, "/authorize", params={**QUERY, **change}, data={"user": "alice"} if method == "POST" else None)
    assert (answer.status_code, answer.json()["error"]) == (400, error)


async def test_an_unknown_user_and_an_unknown_grant_are_refused(http: httpx.AsyncClient) -> None:
    nobody = await http.post("/token", data={"grant_type": DIRECT_GRANT, "user": "nobody"})
    assert nobody.json()["error"] == "invalid_grant"
    assert "alice" in nobody.json()["error_description"]
    assert (await http.post("/token", data={"grant_type": "password"})).json()["error"] == "unsupported_grant_type"


async def test_discovery_names_what_there_is(http: httpx.AsyncClient) -> None:
    discovery = (await http.get("/.well-known/openid-configuration")).json()
    assert discovery["issuer"] == ISSUER
    assert (await http.get(discovery["jwks_uri"])).status_code == 200


async def test_the_published_key_is_public(http: httpx.AsyncClient) -> None:
    assert '"d"' not in json.dumps((await http.get("/jwks")).json())
