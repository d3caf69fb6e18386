"""The development identity provider as a process: a real OpenID Connect provider (`oidc_server.py`), invented people, no password.

It asserts anybody to anybody on this machine, so it listens on 127.0.0.1 alone and production never trusts its issuer. There is one way
in, that of a browser: `/authorize` shows the people, a click chooses one, or the test INS of somebody who has no account; the code that
comes back is exchanged at `/token`. `login.py` walks it without a browser.

An id_token is signed with ES256, for five minutes, with a `jti` of its own. Its claims follow Pro Santé Connect for professionals
(`preferred_username` is the IDNPS: 8 and the RPPS); for patients `ins` and `ins_authority` name the INS.
"""

import argparse
import signal
import sys
from pathlib import Path
from urllib.parse import parse_qsl

import uvicorn
from authlib.oauth2 import OAuth2Error  # type: ignore[import-untyped]
from joserfc.jwk import ECKey
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from carnet_dev.login_page import login_page
from carnet_dev.oidc_server import ALGORITHM, FormRequest, OidcServer
from carnet_dev.people import Account, accounts
from carnet_dev.ports import LOOPBACK

TEST_INS_AUTHORITY = "1.2.250.1.213.1.4.10"


def application(server: OidcServer) -> Starlette:
    """The provider over HTTP."""

    async def discovery(_: Request) -> Response:
        return JSONResponse(
            {
                "issuer": server.issuer,
                "authorization_endpoint": f"{server.issuer}/authorize",
                "token_endpoint": f"{server.issuer}/token",
                "jwks_uri": f"{server.issuer}/jwks",
                "response_types_supported": ["code"],
                "grant_types_supported": ["authorization_code"],
                "subject_types_supported": ["public"],
                "id_token_signing_alg_values_supported": [ALGORITHM],
                "code_challenge_methods_supported": ["S256"],
                "scopes_supported": ["openid"],
                "acr_values_supported": ["eidas1", "eidas2", "eidas3"],
                "token_endpoint_auth_methods_supported": ["none"],
            },
        )

    async def jwks(_: Request) -> Response:
        return JSONResponse(server.jwks())

    async def authorize(request: Request) -> Response:
        asked = FormRequest(request.method, server.issuer, request.query_params.multi_items())
        person = _chosen(server, await _form(request)) if request.method == "POST" else None
        try:
            grant = server.get_consent_grant(asked, end_user=person)
        except OAuth2Error as error:
            refused: Response = server.handle_error_response(asked, error)
            return refused
        if request.method == "GET":
            return HTMLResponse(login_page(server.people.values()))
        # Of whom there is no account, Authlib answers access_denied.
        answer: Response = server.create_authorization_response(asked, grant_user=person, grant=grant)
        return answer

    async def token(request: Request) -> Response:
        answer: Response = server.create_token_response(FormRequest("POST", server.issuer, list((await _form(request)).items())))
        return answer

    return Starlette(
        routes=[
            Route("/.well-known/openid-configuration", discovery),
            Route("/jwks", jwks),
            Route("/authorize", authorize, methods=["GET", "POST"]),
            Route("/token", token, methods=["POST"]),
        ],
    )


def _chosen(server: OidcServer, form: dict[str, str]) -> Account | None:
    """Who logs in: somebody of the page, or a patient who has no account here, by her test INS."""
    if form.get("ins"):
        claims = {"ins": form["ins"], "ins_authority": TEST_INS_AUTHORITY, "acr": "eidas2"}
        return Account(form["ins"], "", claims)
    return server.people.get(form.get("user", ""))


async def _form(request: Request) -> dict[str, str]:
    """The fields of an urlencoded body."""
    return dict(parse_qsl((await request.body()).decode()))


def main() -> None:
    """Serve on 127.0.0.1 until SIGTERM: `python -m carnet_dev.identity_provider --port 7110 --key FILE [--people FILE]`."""
    parser = argparse.ArgumentParser(description="OpenID Connect provider for development")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--key", type=Path, required=True, action="append", help="private key on P-256, PEM; the first signs")
    parser.add_argument("--people", type=Path, help="accounts as JSON; default: the invented people of the story")
    options = parser.parse_args()
    people = accounts(options.people) if options.people else accounts()
    keys = [ECKey.import_key(file.read_text()) for file in options.key]
    server = OidcServer(f"http://{LOOPBACK}:{options.port}", keys, people)
    # uvicorn stops gracefully and raises the signal again: an end that was asked for is a clean one.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    uvicorn.run(application(server), host=LOOPBACK, port=options.port, log_level="warning")


if __name__ == "__main__":
    main()
