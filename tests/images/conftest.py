"""Fixtures of the tests of the images: an engine, images of this commit, the system made of them. Skipped where there is no engine."""

import os
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from carnet_dev.images import NAMES, Source, reference
from images.containers import ContainedCarnet
from images.engine import Engine
from support.system_fixtures import require_stores
from support.tree import ROOT
from support.waiting import eventually_answers

START_PATIENCE = timedelta(seconds=90)


@pytest.fixture(scope="session")
def engine() -> Engine:
    """The container engine. CI has none, so its absence skips there too."""
    found = Engine()
    if reason := found.why_unreachable():
        pytest.skip(reason)
    return found


@pytest.fixture(scope="session")
def tag(engine: Engine) -> str:
    """The tag of the images under test: TAG of the environment, else this commit's."""
    chosen = os.environ.get("TAG") or Source.of(ROOT).tag
    absent = [image for name in NAMES if not engine.has_image(image := reference(name, chosen))]
    if absent:
        pytest.skip(f"no image {', '.join(absent)}: make images (or TAG=... names others)")
    return chosen


@pytest.fixture(scope="module")
def contained(engine: Engine, tag: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ContainedCarnet]:
    """The whole system, started but not awaited."""
    require_stores()
    system = ContainedCarnet(engine, tag, tmp_path_factory.mktemp("images") / "var")
    try:
        system.start()
        yield system
    finally:
        system.stop()


@pytest.fixture
async def carnet_from_images(contained: ContainedCarnet) -> ContainedCarnet:
    """The whole system, serving."""
    try:
        await eventually_answers(contained.is_up, START_PATIENCE)
    except TimeoutError:
        pytest.fail(f"the system did not come up:\n{contained.said()}")
    return contained


@pytest.fixture
def private_folder(tmp_path: Path) -> Path:
    """A folder for one container's files."""
    folder = tmp_path / "files"
    folder.mkdir()
    return folder
