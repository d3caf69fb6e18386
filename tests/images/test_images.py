"""What is in an image: what runs and nothing that installs or builds; small; told by labels and a bill of materials."""

import json
import re
from collections.abc import Callable

import pytest
from carnet_dev.images import NAMES, SBOM, reference
from images.engine import CONFINED, USER, Engine
from support.tree import ROOT, files

MEGABYTE = 1_000_000
LARGEST = 130 * MEGABYTE
# Found anywhere on the search path of a shell, or importable: what could install or build.
BUILDERS = ("pip", "pip3", "uv", "easy_install", "gcc", "cc", "g++", "make", "protoc", "hatchling")
INSTALLERS = ("pip", "setuptools", "ensurepip", "wheel", "hatchling", "grpc_tools", "pytest", "mypy", "editables")


@pytest.fixture(scope="module")
def inside(engine: Engine, tag: str) -> Callable[..., str]:
    """Runs a command in an image, confined and without a network, and gives what it printed."""

    def run(name: str, *command: str) -> str:
        flags = [*CONFINED, "--network", "none", "--entrypoint", command[0]]
        return engine.run("run", "--rm", *flags, reference(name, tag), *command[1:])

    return run


@pytest.mark.parametrize("name", NAMES)
def test_it_runs_as_a_numbered_user_who_is_not_root(engine: Engine, tag: str, inside: Callable[..., str], name: str) -> None:
    assert engine.inspect("image", reference(name, tag))["Config"]["User"] == f"{USER}:{USER}"
    assert inside(name, "id", "-u") == str(USER)


@pytest.mark.parametrize("name", NAMES)
def test_nothing_in_it_installs_or_builds(inside: Callable[..., str], name: str) -> None:
    looked_up = inside(name, "sh", "-c", f"for one in {' '.join(BUILDERS)}; do command -v $one; done; true")
    assert looked_up == ""
    program = f"import importlib.util as u; print([one for one in {INSTALLERS} if u.find_spec(one)])"
    for python in ("python", "/opt/carnet/bin/python3"):
        assert inside(name, python, "-c", program) == "[]"
    base = inside(name, "python", "-c", "import sys; print(sys._base_executable)")
    assert inside(name, base, "-c", program) == "[]"


def test_every_tool_that_the_manifests_start_is_in_the_image_of_tools(inside: Callable[..., str]) -> None:
    manifests = [path.read_text() for path in files() if path.is_relative_to(ROOT / "k8s") and path.suffix == ".yaml"]
    named = sorted({found for text in manifests for found in re.findall(r"-m, (carnet_dev[\w.]*)", text)})
    assert named
    for module in [*named, "carnet_dev.demo.story"]:
        inside("dev", "python", "-I", "-c", f"import {module}")


@pytest.mark.parametrize("name", NAMES)
def test_nothing_of_ours_can_be_written_by_whom_it_runs_as(inside: Callable[..., str], name: str) -> None:
    assert inside(name, "find", "/opt/carnet", "-not", "-type", "l", "(", "-perm", "/022", "-o", "-not", "-user", "0", ")") == ""


@pytest.mark.parametrize("name", NAMES)
def test_our_layers_are_small(engine: Engine, tag: str, name: str) -> None:
    """By the history: everything this Dockerfile's last stage put on its base."""
    history = engine.run(
        "history", "--no-trunc", "--human=false", "--format", "{{.Size}} {{.CreatedBy}}", reference(name, tag)
    ).splitlines()
    # The two builders tell a copy in two ways: by its source, and by what it copied.
    ours = [line for line in history if any(part in line for part in ("/out/", "installers", "COPY dir:", "COPY file:"))]
    assert len(ours) == 4, history
    assert sum(int(line.split()[0]) for line in ours) < LARGEST


@pytest.mark.parametrize("name", NAMES)
def test_its_labels_tell_what_it_was_built_from(engine: Engine, tag: str, name: str) -> None:
    labels = engine.inspect("image", reference(name, tag))["Config"]["Labels"]
    told = {key.removeprefix("org.opencontainers.image."): value for key, value in labels.items()}
    assert told["title"] == f"carnet-{name}"
    assert told["revision"].startswith(tag.partition("-")[0])
    assert told["version"]
    assert told["created"].endswith("Z")


@pytest.mark.parametrize("name", NAMES)
def test_its_bill_of_materials_lists_what_is_installed(inside: Callable[..., str], name: str) -> None:
    bill = json.loads(inside(name, "cat", SBOM))
    assert (bill["bomFormat"], bill["specVersion"]) == ("CycloneDX", "1.6")
    assert bill["metadata"]["component"]["name"] == f"carnet-{name}"
    listed = {f"{one['name']}=={one['version']}".lower() for one in [*bill["components"], bill["metadata"]["component"]]}
    program = "import importlib.metadata as m, json; print(json.dumps([f'{d.name}=={d.version}'.lower() for d in m.distributions()]))"
    installed = set(json.loads(inside(name, "python", "-I", "-c", program)))
    assert {spelt(one) for one in installed} == {spelt(one) for one in listed}
    assert f"grpcio=={locked('grpcio')}" in listed


def spelt(component: str) -> str:
    """A name as PEP 503 spells it, and a version."""
    return re.sub(r"[-_.]+", "-", component.partition("==")[0]) + "==" + component.partition("==")[2]


def locked(package: str) -> str:
    """The version of a package in the lock."""
    lines = (ROOT / "requirements.lock").read_text().splitlines()
    return next(line.split("==")[1].split()[0] for line in lines if line.startswith(f"{package}=="))
