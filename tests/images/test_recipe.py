"""What can be said of the images without an engine: the Dockerfile, what may reach a build, and what each image installs."""

import fnmatch
import importlib.util
import re
import subprocess
import sys
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from types import ModuleType

import pytest
from carnet_dev.images import NAMES, Source, build_command
from support.tree import ROOT, files, relative

DOCKERFILE = ROOT / "Dockerfile"
# Nothing of these may reach an image: what tests, what checks, what builds, what stores.
NOT_AT_RUN_TIME = re.compile(
    r"^(pytest.*|hypothesis|mypy.*|ruff|uv|buf-bin|hadolint.*|cyclonedx.*|import-linter|grpcio-tools|hatchling|editables|setuptools|"
    r"types-.*|fiftyone.*|falkordb.*|coverage|pymerkle|lxml-stubs)=="
)


def load(name: str) -> ModuleType:
    """A program of k8s/images, which lies on no path."""
    spec = importlib.util.spec_from_file_location(name, ROOT / "k8s" / "images" / f"{name}.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


runtime_lock = load("runtime_lock")
start = load("start")
finish = load("finish")


def locked(*wanted: str) -> dict[str, str]:
    """The entries of a filtered lock, by name and version."""
    chosen = runtime_lock.selected(lock(), wanted, runtime_lock.distributions(ROOT))
    return {entry.text.split(" ")[0]: entry.text for entry in chosen}


def lock() -> list[runtime_lock.Entry]:  # type: ignore[name-defined]
    entries: list[runtime_lock.Entry] = runtime_lock.entries((ROOT / "requirements.lock").read_text())  # type: ignore[name-defined]
    return entries


def test_the_dockerfile_has_no_fault_that_hadolint_knows() -> None:
    hadolint = Path(sys.executable).with_name("hadolint")
    if not hadolint.exists():
        pytest.skip("hadolint is not installed: make setup")
    done = subprocess.run([hadolint, DOCKERFILE], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


def test_the_dockerfile_fetches_no_other_and_names_its_user_by_number() -> None:
    text = DOCKERFILE.read_text()
    assert not re.search(r"^#\s*syntax\s*=", text, re.MULTILINE)
    assert re.findall(r"^FROM (\S+)", text, re.MULTILINE) == ["${BASE_IMAGE}", "${BASE_IMAGE}"]
    assert re.search(r"^ARG BASE_IMAGE=python:3\.13-slim$", text, re.MULTILINE)
    assert re.search(r"^USER \d+:\d+$", text, re.MULTILINE)


def test_the_manifests_run_an_image_as_its_own_user() -> None:
    user = re.search(r"^USER (\d+):(\d+)$", DOCKERFILE.read_text(), re.MULTILINE)
    assert user
    manifest = (ROOT / "k8s" / "base" / "service.yaml").read_text()
    assert (set(re.findall(r"runAsUser: (\d+)", manifest)), set(re.findall(r"runAsGroup: (\d+)", manifest))) == ({user[1]}, {user[2]})


def test_no_build_is_told_of_an_index_or_a_certificate() -> None:
    recipe = "".join(path.read_text() for path in [DOCKERFILE, *(ROOT / "k8s" / "images").glob("*.py")])
    assert re.findall(r"https?://|index[-_]url|find[-_]links|trusted[-_]host|PIP_CERT", recipe, re.IGNORECASE) == []


def is_ignored(path: str) -> bool:
    """Whether .dockerignore keeps a path out: the last pattern that matches it, or a folder above it, decides."""
    parts = Path(path).parts
    above = ["/".join(parts[: number + 1]) for number in range(len(parts))]
    ignored = False
    for line in (ROOT / ".dockerignore").read_text().splitlines():
        pattern = line.strip().removeprefix("!")
        if pattern and not pattern.startswith("#") and any(matches(one, pattern) for one in above):
            ignored = not line.startswith("!")
    return ignored


def matches(path: str, pattern: str) -> bool:
    """Go's filepath.Match, with `**/` for any folders: `*` never crosses a slash."""
    anywhere, rest = pattern.startswith("**/"), pattern.removeprefix("**/")
    parts, wanted = path.split("/"), rest.split("/")
    if anywhere:
        parts = parts[-len(wanted) :]
    return len(parts) == len(wanted) and all(fnmatch.fnmatchcase(part, one) for part, one in zip(parts, wanted, strict=True))


@pytest.mark.parametrize(
    "path",
    [
        *(".git/config", ".venv/bin/python", "var/certificates/authority/key.pem", "samples/cda/one.xml", "run.json", ".env"),
        *("tests/conftest.py", "docs/README.md", "Makefile", "k8s/overlays/kind/made/redis/users.acl", "k8s/kind/cluster.yaml"),
        *("proto/gen/carnet/py.typed", "dev/carnet_dev/__pycache__/plan.cpython-311.pyc", "dev/carnet_dev.egg-info/PKG-INFO"),
        *("services/consent/.env", "services/consent/key.pem", "libs/platform/derive.key"),
        *("requirements.lock.orig", "dev/.hidden/secret.txt"),
    ],
)
def test_no_data_key_environment_or_history_reaches_a_build(path: str) -> None:
    assert is_ignored(path)


def test_everything_that_an_image_is_made_of_reaches_the_build() -> None:
    kinds = ("proto/", "libs/", "services/", "dev/", "k8s/images/", "requirements.lock", "pyproject.toml")
    needed = [name for name in map(relative, files()) if name.startswith(kinds)]
    assert len(needed) > len(kinds)
    assert [name for name in needed if is_ignored(name)] == []


@pytest.mark.parametrize("name", NAMES)
def test_an_image_installs_what_the_tests_ran_with_hash_for_hash(name: str) -> None:
    whole = {entry.text.split(" ")[0]: entry.text for entry in lock()}
    part = locked(f"carnet-{name}")
    assert part.items() <= whole.items()
    assert all("--hash=sha256:" in text for text in part.values())
    assert len(part) < len(whole) / 2


@pytest.mark.parametrize("name", NAMES)
def test_an_image_installs_nothing_that_tests_checks_builds_or_stores(name: str) -> None:
    assert [one for one in locked(f"carnet-{name}") if NOT_AT_RUN_TIME.match(one)] == []


@pytest.mark.parametrize("name", NAMES)
def test_an_image_installs_all_that_its_packages_say_they_need(name: str) -> None:
    """The lock says who asked for what; the installed packages themselves must agree."""
    needed, waiting = set[str](), [f"carnet-{name}"]
    while waiting:
        one = waiting.pop()
        if one in needed:
            continue
        needed.add(one)
        waiting += [normal(need) for need in metadata.requires(one) or () if applies(need)]
    ours = {entry for entry in needed if entry.startswith("carnet-")}
    have = {normal(entry) for entry in locked(f"carnet-{name}")}
    assert needed - ours - have == set()


def normal(requirement: str) -> str:
    return re.sub(r"[-_.]+", "-", re.split(r"[^A-Za-z0-9._-]", requirement, maxsplit=1)[0]).lower()


def applies(requirement: str) -> bool:
    """Whether a requirement holds here: of an extra it does not, and of another system it does not."""
    from packaging.requirements import Requirement  # noqa: PLC0415  # of the locked tools; only this test needs it

    marker = Requirement(requirement).marker
    return marker is None or marker.evaluate({"extra": ""})


def test_the_documents_image_alone_parses_clinical_documents() -> None:
    assert [name for name in NAMES if any(one.startswith("lxml==") for one in locked(f"carnet-{name}"))] == ["documents"]


def test_a_group_brings_what_it_needs_and_an_unlocked_package_is_refused() -> None:
    assert {"hatchling", "grpcio-tools", "protobuf", "pathspec"} <= {one.split("==")[0] for one in locked("group:build")}
    with pytest.raises(runtime_lock.LockError, match="nowhere: make lock"):
        locked("nowhere")


def test_distributions_are_built_after_what_they_need() -> None:
    known = runtime_lock.distributions(ROOT)
    for name in NAMES:
        order = [one.name for one in runtime_lock.local_closure(f"carnet-{name}", known)]
        assert order[-1] == f"carnet-{name}"
        assert all(order.index(need) < order.index(one) for one in order for need in known[one].dependencies & known.keys())


@pytest.mark.parametrize("name", NAMES)
def test_the_first_process_finds_its_service(name: str) -> None:
    assert importlib.util.find_spec(start.module_of(name)) is not None


def test_an_image_is_tagged_by_commit_and_told_when_it_was_made() -> None:
    source = Source("0123456789abcdef0123456789abcdef01234567-dirty", datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC))
    assert source.tag == "0123456789ab-dirty"
    command = build_command("docker", "audit", source, tag=source.tag, version="1.0", base_image="base", flags=("--pull",))
    assert command[:3] == ["docker", "build", "--pull"]
    assert command[-3:] == ["--tag", "carnet/audit:0123456789ab-dirty", "."]
    assert "CREATED=2026-01-02T03:04:05Z" in command
    assert f"REVISION={source.commit}" in command


def test_what_is_ours_lies_in_a_layer_of_its_own_and_all_is_of_one_time(tmp_path: Path) -> None:
    """So a layer of dependencies stays the same from commit to commit."""
    environment = tmp_path / "opt" / "carnet"
    site = environment / "lib" / "python3.13" / "site-packages"
    for file in ("carnet/consent/v1/a.py", "carnet_consent/main.py", "carnet_consent-0.1.0.dist-info/RECORD", "grpc/__init__.py"):
        (site / file).parent.mkdir(parents=True)
        (site / file).write_text("")
    finish.add_start(environment, "consent")
    dependencies, own = tmp_path / "dependencies", tmp_path / "own"
    finish.split(environment, dependencies, own)
    for tree in (dependencies, own):
        finish.settle(tree, 315532800)
    assert below(dependencies) == {"grpc/__init__.py"}
    assert below(own) == {
        *("carnet/consent/v1/a.py", "carnet_consent/main.py", "carnet_consent-0.1.0.dist-info/RECORD", "start.py", "service"),
    }
    every = [path for tree in (dependencies, own) for path in [tree, *tree.rglob("*")]]
    assert {(path.stat().st_mtime, path.stat().st_mode & 0o022) for path in every} == {(315532800.0, 0)}


def below(tree: Path) -> set[str]:
    """The files of a tree, by the part of their path that says what they are."""
    paths = [path.as_posix() for path in tree.rglob("*") if path.is_file()]
    return {re.sub(r"^.*/(site-packages|opt/carnet)/", "", path) for path in paths}
