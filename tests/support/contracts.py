"""Every RPC of the contracts, found in their descriptors, and a way to call it: what walks over them covers a new RPC by itself."""

import importlib
import tomllib
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import carnet
import grpc
from google.protobuf.descriptor import FieldDescriptor, FileDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

SERVED_LATER = frozenset({"carnet.common.v1.RecordErasureService"})
"""Contracts between services that no process serves yet."""
Metadata = Sequence[tuple[str, str | bytes]]


@dataclass(frozen=True)
class Rpc:
    """One RPC."""

    service: str
    """Full name of its gRPC service, e.g. `carnet.consent.v1.RecordService`."""
    name: str
    request: type[Message]
    response: type[Message]
    takes_stream: bool
    gives_stream: bool

    @property
    def server(self) -> str:
        """The process that serves it."""
        return self.service.split(".")[1]

    @property
    def path(self) -> str:
        """Its path on the wire."""
        return f"/{self.service}/{self.name}"


@cache
def rpcs() -> tuple[Rpc, ...]:
    """Every RPC of every contract that a process serves, in the order of their names."""
    found = {rpc.path: rpc for file in _files() for rpc in _rpcs(file) if rpc.service not in SERVED_LATER}
    return tuple(found[path] for path in sorted(found))


@cache
def rights() -> Mapping[str, Mapping[str, str]]:
    """The table of callers: service, caller's URI name, right."""
    table = tomllib.loads(files("carnet").joinpath("callers.toml").read_text(encoding="utf-8"))
    return {service: callers for service, callers in table.items() if service not in SERVED_LATER}


def right(caller: str, service: str) -> str:
    """What a certificate's name (`software/gp`) may do at a service by the table; empty when it may not call it."""
    callers = rights().get(service, {})
    kind, _, name = caller.rpartition("/")
    return callers.get(f"spiffe://carnet/{caller}") or (callers.get(f"spiffe://carnet/{kind}/*", "") if name else "")


def open_channel(target: str, certificate: Path) -> grpc.aio.Channel:
    """A channel with a certificate folder's identity and no retries of its own."""
    key, own, authority = ((certificate / name).read_bytes() for name in ("key.pem", "cert.pem", "ca.pem"))
    options = [("grpc.enable_retries", 0), ("grpc.use_local_subchannel_pool", 1)]
    return grpc.aio.secure_channel(target, grpc.ssl_channel_credentials(authority, key, own), options)


async def call(channel: grpc.aio.Channel, rpc: Rpc, request: Message, metadata: Metadata = (), timeout: float = 10) -> list[Any]:  # noqa: ASYNC109  # gRPC's own
    """Everything the RPC answers to one message. Raises AioRpcError."""
    kind = f"{'stream' if rpc.takes_stream else 'unary'}_{'stream' if rpc.gives_stream else 'unary'}"
    stub = getattr(channel, kind)(rpc.path, rpc.request.SerializeToString, rpc.response.FromString)
    answering = stub(_alone(request) if rpc.takes_stream else request, metadata=metadata, timeout=timeout)
    if rpc.gives_stream:
        return [message async for message in answering]
    return [await answering]


def filled(rpc: Rpc, text: str) -> Message:
    """A request with `text` in every text and bytes field, however deep."""
    request = rpc.request()
    _fill(request, text, depth=4)
    return request


def texts(message: Message) -> Iterator[tuple[str, str]]:
    """(field, text) of every text in a message."""
    for field, value in message.ListFields():
        values = value if field.is_repeated else [value]
        for one in values:
            if field.type == FieldDescriptor.TYPE_MESSAGE:
                yield from texts(one)
            elif field.type == FieldDescriptor.TYPE_STRING:
                yield field.name, one


def _files() -> Iterator[FileDescriptor]:
    # Namespace packages, so there is no __init__ to walk by.
    for root in map(Path, carnet.__path__):
        for file in sorted(root.rglob("*_pb2.py")):
            yield importlib.import_module(".".join(("carnet", *file.relative_to(root).with_suffix("").parts))).DESCRIPTOR


def _rpcs(file: FileDescriptor) -> Iterator[Rpc]:
    for service in file.services_by_name.values():
        for method in service.methods:
            request, response = GetMessageClass(method.input_type), GetMessageClass(method.output_type)
            yield Rpc(service.full_name, method.name, request, response, method.client_streaming, method.server_streaming)


def _fill(message: Message, text: str, depth: int) -> None:
    for field in message.DESCRIPTOR.fields:
        if field.type == FieldDescriptor.TYPE_STRING:
            _put(message, field, text)
        elif field.type == FieldDescriptor.TYPE_BYTES and field.containing_oneof is None:
            _put(message, field, text.encode())
        elif field.type == FieldDescriptor.TYPE_MESSAGE and depth:
            child = getattr(message, field.name).add() if field.is_repeated else getattr(message, field.name)
            child.SetInParent()
            _fill(child, text, depth - 1)


def _put(message: Message, field: Any, value: object) -> None:  # noqa: ANN401  # its types are of two implementations
    if field.is_repeated:
        getattr(message, field.name).append(value)
    else:
        setattr(message, field.name, value)


async def _alone(request: Message) -> AsyncIterator[Message]:
    yield request
