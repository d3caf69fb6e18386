"""The images of Carnet: what they are called, how they are built. `python -m carnet_dev.images build`, or `make images`.

An image is called `carnet/<name>:<tag>`, and the tag is the commit it was built from: twelve digits, and `-dirty` when the tree holds
something that no commit does, so that no tag ever means two things that were committed. Beside each image its bill of materials is
kept (CycloneDX), which is inside it as well.
"""

import argparse
import json
import os
import subprocess
import sys
import time
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from carnet_dev.plan import SERVICES
from carnet_dev.private_files import write_private

NAMES = (*(service.name for service in SERVICES), "dev")
"""One image a service, and one with the tools of development: the identity provider, the story, the smoke test."""
BASE_IMAGE = "python:3.13-slim"
SBOM = "/usr/share/sbom/carnet.cdx.json"
_TAG_DIGITS = 12


@dataclass(frozen=True)
class Source:
    """What an image is made from."""

    commit: str
    """All digits, and `-dirty` when the tree differs from it."""
    created: datetime
    """When that commit was made: an image has no other time."""

    @property
    def tag(self) -> str:
        """The tag of its images."""
        commit, dash, rest = self.commit.partition("-")
        return f"{commit[:_TAG_DIGITS]}{dash}{rest}"

    @classmethod
    def of(cls, root: Path) -> "Source":
        """The checkout at `root`. Raises subprocess.CalledProcessError outside of one."""
        commit, created = _git(root, "show", "--no-patch", "--format=%H %ct", "HEAD").split()
        is_dirty = bool(_git(root, "status", "--porcelain"))
        return cls(commit + ("-dirty" if is_dirty else ""), datetime.fromtimestamp(int(created), UTC))


def reference(name: str, tag: str) -> str:
    """What an engine and the manifests call an image."""
    return f"carnet/{name}:{tag}"


def build_command(engine: str, name: str, source: Source, *, tag: str, version: str, base_image: str, flags: Sequence[str]) -> list[str]:
    """The command that builds the image `name` from the working folder. `flags` go to the engine as they are."""
    arguments = {
        "BASE_IMAGE": base_image,
        "SERVICE": name,
        "REVISION": source.commit,
        "VERSION": version,
        "CREATED": source.created.strftime("%Y-%m-%dT%H:%M:%SZ"),
    }
    given = [word for key, value in arguments.items() for word in ("--build-arg", f"{key}={value}")]
    return [engine, "build", *flags, *given, "--tag", reference(name, tag), "."]


def main(arguments: Sequence[str] | None = None) -> int:
    """`tag` prints the tag of this tree's images; `build` makes them. Exit code 0 only when every image was built."""
    options = _parser().parse_args(arguments)
    root = Path()
    try:
        source = Source.of(root)
    except subprocess.CalledProcessError as error:
        sys.stderr.write(f"images are built from a commit: {error.stderr.strip()}\n")
        return 1
    tag = options.tag or source.tag
    if options.command == "tag":
        sys.stdout.write(f"{tag}\n")
        return 0
    for name in options.names or NAMES:
        began = time.monotonic()
        version = _version(root / ("dev" if name == "dev" else f"services/{name}"))
        command = build_command(
            options.engine, name, source, tag=tag, version=version, base_image=options.base_image, flags=options.flags.split()
        )
        if (code := subprocess.run(command, check=False).returncode) != 0:  # noqa: S603  # the engine that the user names
            sys.stderr.write(f"the image of {name} was not built\n")
            return code
        sbom = options.sbom_folder / f"{name}-{tag}.cdx.json"
        components = _keep_sbom(options.engine, reference(name, tag), sbom)
        sys.stdout.write(f"{reference(name, tag)} after {time.monotonic() - began:.0f} s; {components} components in {sbom}\n")
        sys.stdout.flush()
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="images", description="The images of Carnet")
    commands = parser.add_subparsers(dest="command", required=True)
    tagged = argparse.ArgumentParser(add_help=False)
    tagged.add_argument("--tag", default="", help="default: the commit")
    commands.add_parser("tag", parents=[tagged], help="print the tag of this tree's images")
    build = commands.add_parser("build", parents=[tagged], help="build images")
    build.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(NAMES)}; default: all")
    build.add_argument("--base-image", default=BASE_IMAGE, help=f"python3 3.11 to 3.13 with pip and venv (default: {BASE_IMAGE})")
    build.add_argument("--engine", default="docker", help="the program that builds (default: docker)")
    build.add_argument("--flags", default="", help="more flags for its build: --flags='--network host'")
    build.add_argument("--sbom-folder", type=Path, default=Path("var/images"), help="where bills of materials go (default: var/images)")
    return parser


def _keep_sbom(engine: str, image: str, file: Path) -> int:
    """Copy the bill of materials out of an image; how many components it lists."""
    command = [engine, "run", "--rm", "--network", "none", "--entrypoint", "cat", image, SBOM]
    text = subprocess.run(command, check=True, capture_output=True, text=True).stdout  # noqa: S603
    write_private(file, text, mode=0o644)
    return len(json.loads(text)["components"])


def _version(folder: Path) -> str:
    version: str = tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    return version


def _git(root: Path, *words: str) -> str:
    # Only what reads; and no lock is taken for it, so it disturbs nobody who works in the tree.
    command = ["git", "--no-optional-locks", *words]
    done = subprocess.run(command, cwd=root, check=True, capture_output=True, text=True, env=os.environ | {"LC_ALL": "C"})  # noqa: S603
    return done.stdout.strip()


if __name__ == "__main__":
    sys.exit(main())
