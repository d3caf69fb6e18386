"""``python -m carnet_dev.demo``: tell the story on the running system."""

import argparse
import sys
from pathlib import Path

from rich.console import Console

from carnet_dev.demo.minor import tell_minor
from carnet_dev.demo.papers import SAMPLES
from carnet_dev.demo.story import tell


def main() -> int:
    """Exit code 0 only if every step ended as the story says."""
    parser = argparse.ArgumentParser(prog="demo", description="One patient's story, on a running system")
    parser.add_argument("--story", choices=("patient", "minor"), default="patient", help="one patient's, or a child's and her parents'")
    parser.add_argument("--folder", type=Path, default=Path("var"), help="folder of the running system (default: var)")
    parser.add_argument("--samples", type=Path, default=SAMPLES, help="folder of CDA documents to deposit")
    options = parser.parse_args()
    console = Console(highlight=False, soft_wrap=True)
    if options.story == "minor":
        return tell_minor(options.folder.resolve(), console)
    return tell(options.folder.resolve(), options.samples, console)


if __name__ == "__main__":
    sys.exit(main())
