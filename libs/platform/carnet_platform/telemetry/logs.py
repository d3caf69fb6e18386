"""Structured logs: one JSON object a line on standard error.

A run of eleven or more digits never appears: no identifier of ours has one, and every national number does. That is the last net, not
the rule: the rule is that nobody logs a value that came with a request.
"""

import json
import logging
import re
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog
from structlog.typing import Processor

from carnet_platform.calls import current

_LONG_NUMBER = re.compile(r"\d{11,}")
_LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}


def _with_call(_: object, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    call = current.get(None)
    if call is not None:
        event.setdefault("request_id", call.request_id)
        event.setdefault("trace_id", call.trace_id)
    return event


def _named(name: str) -> Processor:
    def add_service(_: object, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        event["service"] = name
        return event

    return add_service


def _line(_: object, __: str, event: MutableMapping[str, Any]) -> bytes:
    return _LONG_NUMBER.sub("#", json.dumps(event, default=str, ensure_ascii=False)).encode()


class _FromStandardLibrary(logging.Handler):
    """Lines of libraries that log the standard way, in the same form; their arguments are not trusted to be harmless."""

    def emit(self, record: logging.LogRecord) -> None:
        structlog.get_logger(record.name).log(record.levelno, "library", message=str(record.msg)[:200])


def configure(name: str, level: str) -> None:
    """Have every logger of this process write JSON lines that name the service."""
    structlog.configure(
        processors=[
            _named(name),
            _with_call,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            _line,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(_LEVELS[level]),
        logger_factory=structlog.BytesLoggerFactory(sys.stderr.buffer),
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(handlers=[_FromStandardLibrary()], level=logging.WARNING, force=True)
