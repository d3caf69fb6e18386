"""Every span, metric and attribute there is: what it means, and where its name comes from.

Decides nothing at run time but the kinds of spans. A span, a metric or an attribute that is not here is not to be written: a test reads
the code and compares both ways. The Collector drops every attribute that is not here, and docs/reference/telemetry.md is made from it.
Names are those of the OpenTelemetry semantic conventions where these have one; ours begin with `carnet.`. Refuses, by what it holds, any
attribute whose value could come from what a caller sent: names of methods, stores and services, codes, counts, and the request id, which
is a UUID or an id of ours.
"""

from dataclasses import dataclass
from typing import Final

from opentelemetry.trace import SpanKind


@dataclass(frozen=True, slots=True)
class Attribute:
    """One attribute."""

    name: str
    meaning: str
    source: str = "ours"
    """Page of the semantic conventions that defines it, or `ours`."""


@dataclass(frozen=True, slots=True)
class SpanType:
    """One type of span."""

    pattern: str
    """Regular expression that the whole name matches; nothing of a request is in a name."""
    kind: SpanKind
    meaning: str
    attributes: tuple[str, ...]
    """Those it may carry."""


@dataclass(frozen=True, slots=True)
class Metric:
    """One instrument."""

    name: str
    meaning: str
    attributes: tuple[str, ...]
    source: str = "ours"


_RPC, _DATABASE, _GENERAL, _RESOURCE = "rpc", "db", "general", "resource"
SOURCES: Final = {
    _RPC: "https://opentelemetry.io/docs/specs/semconv/rpc/",
    _DATABASE: "https://opentelemetry.io/docs/specs/semconv/db/",
    _GENERAL: "https://opentelemetry.io/docs/specs/semconv/general/",
    _RESOURCE: "https://opentelemetry.io/docs/specs/semconv/resource/",
}

ATTRIBUTES: Final = (
    Attribute("carnet.alarm", "Which alarm: its kind, one of docs/operations/alarms.md."),
    Attribute("carnet.reason", "Why an exchange was refused: the name of an ErrorReason."),
    Attribute("carnet.request_id", "The call's name: in its log lines, its events and its answer."),
    Attribute("carnet.sampled_by", "Why the call is traced: `caller`, `chance`, `purpose` (always traced) or `status` (it failed)."),
    Attribute("db.collection.name", "The collection that a command names.", _DATABASE),
    Attribute("db.namespace", "The database.", _DATABASE),
    Attribute("db.operation.batch.size", "How many commands went together.", _DATABASE),
    Attribute("db.operation.name", "The command, never what it was given.", _DATABASE),
    Attribute("db.response.status_code", "The store's own number of an error.", _DATABASE),
    Attribute("db.system.name", "`mongodb` or `redis`.", _DATABASE),
    Attribute("error.type", "The class of an error, or the status of a call that failed; never its message.", _GENERAL),
    Attribute("rpc.method", "`package.Service/Method`.", _RPC),
    Attribute("rpc.response.status_code", "The gRPC status by name, such as `OK`.", _RPC),
    Attribute("rpc.system.name", "`grpc`.", _RPC),
    Attribute("server.address", "The service or the store that was called.", _GENERAL),
    Attribute("server.port", "The store's port.", _GENERAL),
    Attribute("service.instance.id", "One process; a random id.", _RESOURCE),
    Attribute("service.name", "Which service wrote this.", _RESOURCE),
    Attribute("service.namespace", "`carnet`.", _RESOURCE),
    Attribute("telemetry.sdk.language", "`python`.", _RESOURCE),
    Attribute("telemetry.sdk.name", "`opentelemetry`.", _RESOURCE),
    Attribute("telemetry.sdk.version", "The version of the library that wrote this.", _RESOURCE),
)
RESOURCE_ATTRIBUTES: Final = tuple(one.name for one in ATTRIBUTES if one.source == _RESOURCE)

_METHOD = r"[\w.]+\.\w+/\w+"
_RPC_ATTRIBUTES = ("rpc.system.name", "rpc.method", "rpc.response.status_code", "error.type")

SHARED_NAMES: Final = ("shared journal commit", "shared read", "shared round trip")
FOLLOWING_NAMES: Final = ("ship events", "ship changes", "sequence")

SERVED_CALL: Final = SpanType(
    _METHOD, SpanKind.SERVER, "A call that this service served.", (*_RPC_ATTRIBUTES, "carnet.request_id", "carnet.sampled_by")
)
PEER_CALL: Final = SpanType(
    _METHOD, SpanKind.CLIENT, "A call of another service, tries of the channel's own included.", (*_RPC_ATTRIBUTES, "server.address")
)
MONGO_COMMAND: Final = SpanType(
    r"[A-Za-z]+ [\w.]+",
    SpanKind.CLIENT,
    "A command sent to MongoDB: the operation and its collection, or else its database.",
    (
        "db.system.name",
        "db.operation.name",
        "db.namespace",
        "db.collection.name",
        "db.response.status_code",
        "error.type",
        "server.address",
        "server.port",
    ),
)
REDIS_COMMAND: Final = SpanType(
    r"[A-Z]+",
    SpanKind.CLIENT,
    "A command sent to Redis, or several at once.",
    ("db.system.name", "db.operation.name", "db.operation.batch.size", "error.type"),
)
SHARED_WORK: Final = SpanType(
    "|".join(SHARED_NAMES),
    SpanKind.INTERNAL,
    "Work done once for several calls that waited together: it stands in the trace of the first, and links to those of the others.",
    ("error.type",),
)
FOLLOWING_WORK: Final = SpanType(
    "|".join(FOLLOWING_NAMES),
    SpanKind.INTERNAL,
    "Work done later because of calls: a trace of its own, with links to the spans that caused it, at most 32.",
    ("error.type",),
)
SPANS: Final = (SERVED_CALL, PEER_CALL, MONGO_COMMAND, REDIS_COMMAND, SHARED_WORK, FOLLOWING_WORK)

CALL_DURATION: Final = Metric("rpc.server.call.duration", "How long a served call took, in seconds.", _RPC_ATTRIBUTES[:3], _RPC)
ALARMS: Final = Metric("carnet.alarms", "Alarms raised, by kind.", ("carnet.alarm",))
REFUSED_EXCHANGES: Final = Metric(
    "carnet.exchanges.refused", "Exchanges for a user token that were refused, by reason.", ("carnet.reason",)
)
METRICS: Final = (CALL_DURATION, ALARMS, REFUSED_EXCHANGES)
