"""Settings: read once from the environment, checked at start, frozen.

Every variable begins with ``CARNET_``; one that no setting has stops the start, because a misspelt limit is a limit that does not
hold. A secret is never a value here: it is the path of a file. A duration is ISO 8601, e.g. ``PT4H`` or ``PT0.4S``. The docstring
below each field is its documentation.
"""

import ast
import os
import re
from collections.abc import Iterator
from datetime import timedelta
from difflib import get_close_matches
from inspect import getsource
from itertools import pairwise
from pathlib import Path
from textwrap import dedent
from typing import Literal, Self, TypeVar

import pydantic_settings
from pydantic import Field, ValidationError, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

PREFIX = "CARNET_"
_HOST_AND_PORT = r"^\S+:\d{1,5}$"


class SettingsError(Exception):
    """A setting is missing, unknown or wrong; each line names the variable, the rule and what mends it, never its value."""


class PlatformSettings(BaseSettings):
    """What every service needs to know to run."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, env_ignore_empty=True, extra="forbid", hide_input_in_errors=True)

    environment: Literal["development", "test", "production"] = "production"
    """Where this runs. Production refuses a movable clock and test identities; the others refuse production identities."""
    listen: str = Field(pattern=_HOST_AND_PORT)
    """host:port of the gRPC services, mutual TLS only."""
    health_listen: str = Field(pattern=_HOST_AND_PORT)
    """host:port of the gRPC health service, plaintext, nothing else on it. Worker n takes the port plus n."""
    certificate_folder: Path
    """Folder with key.pem, cert.pem and ca.pem of this service. Renewed files are picked up without a restart."""
    certificate_warning: timedelta = Field(default=timedelta(days=9), gt=timedelta(0))
    """How long before the certificate ends a warning is logged once a day, in seconds. A day less than cert-manager renews before."""
    certificate_alarm: timedelta = Field(default=timedelta(days=7), gt=timedelta(0))
    """How long before its end that line is an error, in seconds; not longer than `CARNET_CERTIFICATE_WARNING`."""
    mongo_url_file: Path
    """File that holds the MongoDB URL with this service's user, password and database."""
    mongo_driver: Literal["motor", "pymongo"] = "motor"
    """Which client opens MongoDB (docs/adr): motor by default, PyMongo's own asyncio client as the other."""
    mongo_pool_size: int = Field(default=16, ge=1, le=500)
    """Connections kept open to MongoDB by each process, all of them from the start."""
    redis_url_file: Path | None = None
    """File that holds the Redis URL. Absent: this service uses none."""
    master_key_folder: Path | None = None
    """Folder with dated master keys (YYYY-MM-DD.key) and derive.key, 32 bytes each as 64 hexadecimal digits, mode 0600."""
    workers: int = Field(default=1, ge=1, le=64)
    """Processes that share the port. One per CPU that this service may use."""
    clock_offset_file: Path | None = None
    """File with seconds to add to the clock, for tests that move time. Refused in production."""
    default_deadline: timedelta = timedelta(seconds=60)
    """Deadline of a call whose caller set none."""
    deadline_floor: timedelta = timedelta(milliseconds=100)
    """A call with less time left than this is refused at once."""
    deadline_margin: timedelta = timedelta(milliseconds=50)
    """Kept from the caller's deadline so that it hears our error and not its own timeout."""
    stop_grace: timedelta = timedelta(seconds=10)
    """How long calls in flight may go on after SIGTERM."""
    max_connection_age: timedelta = timedelta(minutes=30)
    """After this a connection is asked to end, so that new replicas get load and renewed certificates are seen."""
    max_concurrent_calls: int = Field(default=1000, ge=1)
    """Calls served at once by each process; more are refused with RESOURCE_EXHAUSTED."""
    trace_endpoint: str = ""
    """OTLP gRPC endpoint for traces and metrics. Empty: traces go to trace_file, metrics nowhere."""
    trace_file: Path | None = None
    """File for spans as JSON lines when there is no endpoint; rotated at 16 MiB, one older file kept."""
    trace_sample_ratio: float = Field(default=0.01, ge=0, le=1)
    """Share of calls that are traced when their caller has not decided."""
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """Least severe log line written."""
    log_calls: bool = True
    """Whether each call writes one access line."""

    @model_validator(mode="after")
    def _no_movable_clock_in_production(self) -> Self:
        if self.environment == "production" and self.clock_offset_file is not None:
            raise ValueError("CARNET_CLOCK_OFFSET_FILE: time does not move in production; take it away")
        return self

    @model_validator(mode="after")
    def _warned_before_alarmed(self) -> Self:
        if self.certificate_alarm > self.certificate_warning:
            raise ValueError("CARNET_CERTIFICATE_ALARM: must not be longer than CARNET_CERTIFICATE_WARNING")
        return self


S = TypeVar("S", bound=PlatformSettings)


def load(kind: type[S]) -> S:
    """The settings of this process. Raises ``SettingsError`` with one line for each thing wrong."""
    wrong = list(_unknown(kind))
    try:
        settings = kind()  # type: ignore[call-arg]  # the environment gives them
    except ValidationError as error:
        faults = error.errors(include_input=False, include_url=False)
        wrong += [_told(kind, str(fault["loc"][0]) if fault["loc"] else "", fault["type"], fault["msg"]) for fault in faults]
        raise SettingsError("\n".join(wrong)) from None
    except pydantic_settings.SettingsError as error:  # what should be JSON and is not; its cause quotes the value
        field = re.search(r'field "(\w+)"', str(error))
        wrong.append(_told(kind, field[1] if field else "", "json", "not JSON"))
        raise SettingsError("\n".join(wrong)) from None
    if wrong:
        raise SettingsError("\n".join(wrong))
    return settings


def meaning(kind: type[PlatformSettings], field: str) -> str:
    """What a setting is, in the words of its documentation, on one line; empty for a field without any."""
    # Read when it is wanted: pydantic's own way parses the source of every class of settings at each start.
    for owner in kind.__mro__:
        if field in vars(owner).get("__annotations__", {}):
            return " ".join(_documentation(owner).get(field, "").split())
    return ""


def _documentation(owner: type) -> dict[str, str]:
    """The docstring below each field of a class, by the field's name."""
    (definition,) = ast.parse(dedent(getsource(owner))).body
    found: dict[str, str] = {}
    for before, after in pairwise(definition.body if isinstance(definition, ast.ClassDef) else []):
        match before, after:
            case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(text))):
                found[name] = text
    return found


def _unknown(kind: type[PlatformSettings]) -> Iterator[str]:
    known = {PREFIX + name.upper() for name in kind.model_fields}
    for name in sorted(os.environ):
        if name.startswith(PREFIX) and name not in known:
            close = get_close_matches(name, known, 1, 0.8)
            yield f"{name}: no such setting; {f'did you mean {close[0]}?' if close else 'this service has none of that name, take it away'}"


def _told(kind: type[PlatformSettings], field: str, fault: str, message: str) -> str:
    """One line about a setting, or about several together, which then name themselves."""
    message = message.removeprefix("Value error, ")
    if field not in kind.model_fields:
        return message
    name = PREFIX + field.upper()
    if fault == "missing":
        return f"{name}: missing; set it. {meaning(kind, field)}"
    return f"{name}: {message}. {meaning(kind, field)}"
