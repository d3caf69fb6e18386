"""The last step of a build: from an environment with the service installed to the two trees that are copied into the image.

Adds the first process and the bill of materials (CycloneDX), compiles, and gives everything one time: the same sources make the same
layers. Compiled files are believed unseen (unchecked hash): nothing writes in a read-only image. Runs with the build tools' Python.
"""

# ruff: noqa: INP001  # a program of the build, in no package

import compileall
import os
import py_compile
import shutil
import subprocess
import sys
from pathlib import Path

# A wheel records where it was built and installed from; neither is of use to who runs it.
_NEEDLESS = ("direct_url.json", "REQUESTED", "INSTALLER")
_OWN = ("start.py", "service", "__pycache__", "lib/*/site-packages/carnet", "lib/*/site-packages/carnet_*")
_SBOM = Path("usr/share/sbom/carnet.cdx.json")


def add_start(environment: Path, service: str) -> None:
    """Put the first process beside the environment it starts."""
    shutil.copyfile(Path(__file__).with_name("start.py"), environment / "start.py")
    (environment / "service").write_text(f"{service}\n", encoding="utf-8")


def tidy(environment: Path) -> None:
    """Leave out what only an installer reads, and compile the rest."""
    for name in _NEEDLESS:
        for path in environment.glob(f"lib/*/site-packages/*.dist-info/{name}"):
            path.unlink()
    for program in (environment / "bin").iterdir():
        if not program.is_symlink():  # activation scripts and the commands of libraries: nobody has a shell here
            program.unlink()
    hashed = py_compile.PycInvalidationMode.UNCHECKED_HASH
    if not compileall.compile_dir(environment, quiet=1, invalidation_mode=hashed):
        sys.exit("a file does not compile")


def write_sbom(environment: Path, project: Path, target: Path) -> None:
    """The bill of materials of the environment, without a time or a random number, checked against CycloneDX's schema."""
    target.parent.mkdir(parents=True)
    command = [str(Path(sys.executable).with_name("cyclonedx-py")), "environment", "--output-reproducible", "--validate"]
    command += ["--pyproject", str(project / "pyproject.toml"), "--mc-type", "application", "--spec-version", "1.6"]
    subprocess.run([*command, "--output-format", "JSON", "--output-file", str(target), str(environment / "bin" / "python")], check=True)  # noqa: S603


def settle(tree: Path, seconds: int) -> None:
    """Everybody may read everything, nobody but root may write, and all of it is of one time."""
    for folder, _, files in os.walk(tree):
        for path in [Path(folder), *(Path(folder, name) for name in files)]:
            if not path.is_symlink():
                path.chmod(0o755 if path.is_dir() else 0o644)
    for folder, folders, files in os.walk(tree, topdown=False):
        for name in [*files, *folders, "."]:
            os.utime(Path(folder, name), (seconds, seconds), follow_symlinks=False)


def split(environment: Path, dependencies: Path, own: Path) -> None:
    """Move the environment: what is ours into `own`, all else into `dependencies`, each at its place in the file system."""
    place = environment.relative_to("/")
    shutil.copytree(environment, dependencies / place, symlinks=True)
    for pattern in _OWN:
        for path in sorted((dependencies / place).glob(pattern)):
            target = own / path.relative_to(dependencies)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.move(path, target)


def main(service: str, environment: Path, target: Path) -> None:
    """Make `target/dependencies` and `target/own` from `environment`."""
    project = Path("dev" if service == "dev" else f"services/{service}")
    dependencies, own = target / "dependencies", target / "own"
    add_start(environment, service)
    write_sbom(environment, project, own / _SBOM)
    tidy(environment)
    split(environment, dependencies, own)
    for tree in (dependencies, own):
        settle(tree, int(os.environ["SOURCE_DATE_EPOCH"]))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]))
