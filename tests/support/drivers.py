"""The drivers a test runs on. A storage suite runs on both; the use cases above it on motor, and at length on both."""

from typing import Final

import pytest

AT_LENGTH_ON_BOTH: Final = ["motor", pytest.param("pymongo", marks=pytest.mark.long)]
