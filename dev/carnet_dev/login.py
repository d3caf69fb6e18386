"""Logging in at an OpenID Connect provider that shows a page and asks no password, the way a browser does it.

The whole authorization code flow with PKCE: discovery, the page, the choice, the redirect with its code, the exchange. Nothing listens at
the redirect address: the code is read from the redirect.

`python -m carnet_dev.login USER [--folder var]` prints the id_token of somebody of a local run.
"""

import argparse
import asyncio
import base64
import hashlib
import secrets
import sys
from pathlib import Path
from typing import Any

import httpx
from carnet_client import LoggedIn

REDIRECT = "http://127.0.0.1/logged-in"
CLIENT_ID = "carnet"


class LoginError(Exception):
    """The provider did not let somebody in; the text says why."""


async def log_in(issuer: str, user: str, *, nonce: str = "", http: httpx.AsyncClient | None = None) -> LoggedIn:
    """Log `user` in at `issuer`: a name of its page, or `ins:` and a test INS. Raises LoginError, and what httpx raises."""
    if http is None:
        async with httpx.AsyncClient(trust_env=False) as own:
            return await log_in(issuer, user, nonce=nonce, http=own)
    known = await _json(http, "GET", f"{issuer}/.well-known/openid-configuration")
    verifier, state = secrets.token_urlsafe(48), secrets.token_urlsafe(16)
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    asked = {
        "response_type": "code",
        "client_id": CLIENT_ID,
        "redirect_uri": REDIRECT,
        "scope": "openid",
        "state": state,
        "code_challenge": challenge,
        "code_challenge_method": "S256",
    } | ({"nonce": nonce} if nonce else {})
    chosen = {"ins": user.removeprefix("ins:")} if user.startswith("ins:") else {"user": user}
    answer = await http.post(known["authorization_endpoint"], params=asked, data=chosen)
    back = httpx.URL(answer.headers.get("location", "")).params
    if "code" not in back or back.get("state") != state:
        raise LoginError(f"{issuer} does not log {user} in: {back.get('error_description') or back.get('error') or answer.text}")
    form = {"grant_type": "authorization_code", "code": back["code"], "redirect_uri": REDIRECT, "client_id": CLIENT_ID}
    given = await _json(http, "POST", known["token_endpoint"], {**form, "code_verifier": verifier})
    return LoggedIn(str(given["id_token"]), nonce)


async def _json(http: httpx.AsyncClient, method: str, url: str, form: dict[str, str] | None = None) -> dict[str, Any]:
    answer = await http.request(method, url, data=form)
    if answer.status_code != httpx.codes.OK:
        raise LoginError(f"{url} answers {answer.status_code}: {answer.text}")
    told: dict[str, Any] = answer.json()
    return told


def main() -> int:
    """Print an id_token."""
    from carnet_dev.local_run import LocalRun, NotRunningError  # noqa: PLC0415  # it logs in by this module

    parser = argparse.ArgumentParser(description="Log in at the identity provider of a local run")
    parser.add_argument("user", help="a name of the login page, or ins:279035121518989")
    parser.add_argument("--folder", type=Path, default=Path("var"), help="folder of the running system (default: var)")
    options = parser.parse_args()
    try:
        logged_in = asyncio.run(log_in(LocalRun.find(options.folder).issuer, options.user))
    except (LoginError, NotRunningError, httpx.HTTPError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(f"{logged_in.id_token}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
