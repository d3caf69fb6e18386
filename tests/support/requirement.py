"""A test that needs a program this machine lacks: skipped with the reason on a developer's machine, failed where CI=true."""

import os
from typing import NoReturn

import pytest


def is_ci() -> bool:
    """Whether this session must run every test."""
    return os.environ.get("CI", "").lower() == "true"


def missing(reason: str) -> NoReturn:
    """End the test: fail in CI, skip elsewhere."""
    if is_ci():
        pytest.fail(reason)
    pytest.skip(reason)
