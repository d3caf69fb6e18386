"""The repository as its rules see it: the files that are or would be tracked, and the distributions with their packages."""

import subprocess
import tomllib
from functools import cache
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
SERVICES = ("identity", "consent", "documents", "audit")
PACKAGES = {
    "carnet_platform": ROOT / "libs/platform",
    "carnet_recording": ROOT / "libs/recording",
    "carnet_verify": ROOT / "libs/verify",
    "carnet_client": ROOT / "libs/client",
    **{f"carnet_{service}": ROOT / "services" / service for service in SERVICES},
    "carnet_dev": ROOT / "dev",
}


@cache
def files() -> tuple[Path, ...]:
    """Every file that git tracks or would add."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],  # noqa: S607  # git is where PATH says
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    paths = (ROOT / name for name in sorted(set(listed.stdout.split("\0"))) if name)
    return tuple(path for path in paths if path.is_file())


@cache
def python_files() -> tuple[Path, ...]:
    """Every Python file of ours."""
    return tuple(path for path in files() if path.suffix == ".py")


def modules(package: str) -> tuple[Path, ...]:
    """The Python files of one package."""
    folder = PACKAGES[package] / package
    return tuple(path for path in python_files() if path.is_relative_to(folder))


def relative(path: Path) -> str:
    """The path as the repository names it."""
    return str(path.relative_to(ROOT))


@cache
def project(folder: str = ".") -> dict[str, Any]:
    """The pyproject.toml of a folder of the repository."""
    return tomllib.loads((ROOT / folder / "pyproject.toml").read_text())
