"""The floor of what reads: a gRPC call over mutual TLS that does one plain majority find and gives back what it found.

The documents are the bench's own, or the very records of consent.

Same server library, event loop, driver and pool as the services; no interceptor, no permission, no record of anything.
"""

import asyncio
import sys
from pathlib import Path
from typing import Any

import grpc
import uvloop
from carnet_platform import mongo
from carnet_platform.certificates import CertificateFolder
from pymongo.read_concern import ReadConcern

SERVICE, METHOD = "bench.Floor", "Find"


async def main(listen: str, certificates: str, url_file: str, consents_url_file: str, driver: str) -> None:
    own, consents = (
        mongo.open_client(Path(file).read_text(encoding="utf-8").strip(), "pymongo" if driver == "pymongo" else "motor", pool_size=16)
        for file in (url_file, consents_url_file)
    )
    majority = ReadConcern("majority")
    collections = {name: own.get_default_database().get_collection(name, read_concern=majority) for name in ("small", "large")}
    records = consents.get_default_database().get_collection("records", read_concern=majority)

    async def find(request: bytes, _: object) -> bytes:
        name, _, key = request.decode().partition("/")
        if name == "records":
            record = await records.find_one({"_id": request.decode()})
            return bytes(record["consent"]) if record else b""
        found = await collections[name].find_one({"_id": int(key)})
        return bytes(found["content"]) if found else b""

    handlers: dict[str, Any] = {METHOD: grpc.unary_unary_rpc_method_handler(find)}
    server = grpc.aio.server(options=[("grpc.so_reuseport", 0)])
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, handlers),))
    server.add_secure_port(listen, CertificateFolder(Path(certificates)).server_credentials())
    await server.start()
    await server.wait_for_termination()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main(*sys.argv[1:6]))
