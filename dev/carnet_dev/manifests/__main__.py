"""``python -m carnet_dev.manifests [--check]``: write what is rendered from the table of callers, or fail when it is not what it says."""

import argparse
import sys
from pathlib import Path

from carnet_dev.manifests.render import rendered, stale
from carnet_dev.manifests.table import Callers


def main() -> int:
    """Exit code 0 when everything is as the table says, which without --check it is made to be."""
    parser = argparse.ArgumentParser(prog="manifests", description="Network policies and certificates from the table of callers")
    parser.add_argument("--check", action="store_true", help="write nothing; fail when a file is stale")
    parser.add_argument("--table", type=Path, default=Path("proto/callers.toml"))
    parser.add_argument("--folder", type=Path, default=Path("k8s"))
    options = parser.parse_args()
    callers = Callers.read(options.table)
    old = stale(callers, options.folder)
    if options.check:
        sys.stderr.writelines(f"{path} is stale: make manifests\n" for path in old)
        return 1 if old else 0
    for path in old:
        path.write_text(rendered(callers, options.folder)[path], encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
