"""Make the Python stubs whenever carnet-proto is built or installed, editable or not.

The output, ``gen/carnet``, is never committed: it cannot be stale, and a renamed contract leaves no ghost.
``make proto`` calls ``generate`` for an edited contract.
"""

import importlib.util
import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import Any

import grpc_tools
from hatchling.builders.hooks.plugin.interface import BuildHookInterface


def generate(root: Path) -> None:
    """Write ``gen/carnet`` anew from every contract below ``root/carnet`` and the table of callers."""
    gen = root / "gen"
    shutil.rmtree(gen / "carnet", ignore_errors=True)
    gen.mkdir(exist_ok=True)
    protos = [str(path.relative_to(root)) for path in sorted((root / "carnet").rglob("*.proto"))]
    google_rpc = importlib.util.find_spec("google.rpc")
    if google_rpc is None or google_rpc.submodule_search_locations is None:
        message = "googleapis-common-protos is not installed"
        raise RuntimeError(message)
    google = [str(Path(location).parent.parent) for location in google_rpc.submodule_search_locations]
    includes = [str(root), *google, str(Path(grpc_tools.__file__).parent / "_proto")]
    # protoc looks for protoc-gen-mypy on PATH, and an environment need not be activated to be installed into.
    path = os.pathsep.join([sysconfig.get_path("scripts"), str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    subprocess.run(
        [
            sys.executable,
            "-m",
            "grpc_tools.protoc",
            *[f"-I{folder}" for folder in includes],
            f"--python_out={gen}",
            f"--grpc_python_out={gen}",
            f"--mypy_out=quiet:{gen}",
            f"--mypy_grpc_out=quiet:{gen}",
            *protos,
        ],
        check=True,
        cwd=root,
        env=os.environ | {"PATH": path},
    )
    (gen / "carnet" / "py.typed").touch()
    shutil.copy(root / "callers.toml", gen / "carnet" / "callers.toml")


class StubsHook(BuildHookInterface):  # type: ignore[type-arg]  # the base is generic over a type that hatchling does not export
    """The hook that hatchling finds by ``[tool.hatch.build.hooks.custom]``."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002  # hatchling's signature
        """Make the stubs, except for a source distribution, which carries the contracts themselves."""
        if self.target_name != "sdist":
            generate(Path(self.root))


if __name__ == "__main__":
    generate(Path(__file__).parent)
