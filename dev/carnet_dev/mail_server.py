"""A small mail server for development: it takes every letter over STARTTLS and writes it to a folder, so that one can read it.

It relays nothing and listens on 127.0.0.1 alone. A letter is a file `<time>-<number>.eml` that appears whole; the addresses of its
envelope stand before it, as a server writes them (X-Peer apart). Nothing is ever deleted here: `make clean` forgets them.
"""

import argparse
import asyncio
import logging
import signal
import ssl
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

from aiosmtpd.smtp import SMTP, Envelope, Session

from carnet_dev.ports import LOOPBACK
from carnet_dev.private_files import write_private


class ToFiles:
    """Writes what is received; the handler that aiosmtpd asks."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._numbers = count(1)

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802 - the library's name
        """Take a letter."""
        del server, session
        received = f"Return-Path: <{envelope.mail_from}>\r\nDelivered-To: {', '.join(envelope.rcpt_tos)}\r\n".encode()
        content = envelope.content if isinstance(envelope.content, bytes) else str(envelope.content).encode()
        name = f"{datetime.now(UTC):%Y%m%dT%H%M%S}-{next(self._numbers):04d}.eml"
        write_private(self._folder / name, received + content)
        return "250 2.0.0 written"


async def serve(port: int, certificate: Path, folder: Path) -> None:
    """Serve until SIGTERM."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate / "cert.pem", certificate / "key.pem")
    handler = ToFiles(folder)
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    server = await loop.create_server(
        lambda: SMTP(handler, hostname="localhost", ident="Carnet development", tls_context=context, require_starttls=True, loop=loop),
        LOOPBACK,
        port,
    )
    await stop.wait()
    server.close()


def main() -> None:
    """Run it: `python -m carnet_dev.mail_server --port 7111 --certificate FOLDER --folder var/mail`."""
    parser = argparse.ArgumentParser(description="Mail server for development: writes every letter to a folder")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--certificate", type=Path, required=True, help="folder with key.pem and cert.pem")
    parser.add_argument("--folder", type=Path, required=True, help="where letters are written")
    options = parser.parse_args()
    # The library logs every address it sees.
    logging.getLogger("mail.log").setLevel(logging.ERROR)
    options.folder.mkdir(parents=True, exist_ok=True)
    asyncio.run(serve(options.port, options.certificate, options.folder))


if __name__ == "__main__":
    main()
