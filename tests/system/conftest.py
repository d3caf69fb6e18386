"""Fixture `carnet`."""

from collections.abc import Iterator

import pytest
from carnet_dev.local_run import LocalRun
from support.system_fixtures import whole_system


@pytest.fixture(scope="package")
def carnet(pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalRun]:
    """The system that the tests of this folder share."""
    yield from whole_system(pytestconfig, tmp_path_factory)
