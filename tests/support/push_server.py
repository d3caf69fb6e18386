"""A push gateway of the test's own: a real HTTPS server that keeps what it is told and answers as it is told."""

import asyncio
import base64
import hashlib
import hmac
import threading
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Self

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response, StreamingResponse
from starlette.routing import Route

from support.waiting import wait_until

SECRET = b"a secret of thirty-two bytes, no less"
SECRET_LINE = f"whsec_{base64.b64encode(SECRET).decode()}\n"
PATIENCE = timedelta(seconds=10)


@dataclass(frozen=True)
class Told:
    """One request."""

    headers: Mapping[str, str]
    body: bytes

    def is_signed(self, secret: bytes = SECRET) -> bool:
        """Whether one of its signatures is that of this secret, as a receiver checks it."""
        content = f"{self.headers['webhook-id']}.{self.headers['webhook-timestamp']}.".encode() + self.body
        expected = "v1," + base64.b64encode(hmac.new(secret, content, hashlib.sha256).digest()).decode()
        return expected in self.headers["webhook-signature"].split(" ")


class PushServer:
    """Listens on a free port with the key and certificate of a folder."""

    def __init__(self, certificate: Path) -> None:
        self._certificate = certificate
        self.port = 0
        self.told: list[Told] = []
        self.elsewhere = 0
        """Requests at the place that redirects lead to."""
        self.sent = 0
        """Bytes of a huge answer that were handed to the transport."""
        self.status = 204
        self.hangs = self.redirects = self.is_huge = False

    @property
    def url(self) -> str:
        """Where it is told."""
        return f"https://localhost:{self.port}/hook"

    def __enter__(self) -> Self:
        self.listen()
        return self

    def __exit__(self, *_: object) -> None:
        self.go()

    def listen(self) -> None:
        """Listen, on the same port as before."""
        routes = [Route("/hook", self._hook, methods=["POST"]), Route("/elsewhere", self._elsewhere, methods=["GET", "POST"])]
        config = uvicorn.Config(
            Starlette(routes=routes),
            host="127.0.0.1",
            port=self.port,
            ssl_keyfile=str(self._certificate / "key.pem"),
            ssl_certfile=str(self._certificate / "cert.pem"),
            log_config=None,
            lifespan="off",
            timeout_graceful_shutdown=0,
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, daemon=True)
        self._thread.start()
        wait_until(lambda: self._server.started, PATIENCE)
        self.port = self._server.servers[0].sockets[0].getsockname()[1]

    def go(self) -> None:
        """Be gone."""
        self._server.should_exit = True
        self._thread.join(PATIENCE.total_seconds())

    async def _hook(self, request: Request) -> Response:
        self.told.append(Told(dict(request.headers), await request.body()))
        if self.hangs:
            await asyncio.Event().wait()
        if self.redirects:
            return RedirectResponse("/elsewhere", 307)
        if self.is_huge:
            return StreamingResponse(self._huge(request))
        return Response(status_code=self.status)

    async def _elsewhere(self, _: Request) -> Response:
        self.elsewhere += 1
        return Response()

    async def _huge(self, request: Request) -> AsyncIterator[bytes]:
        while self.sent < 1 << 30 and not await request.is_disconnected():
            self.sent += 1 << 16
            yield b"x" * (1 << 16)
