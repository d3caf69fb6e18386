"""`python -m carnet_consent.matrix BEFORE AFTER`: what changes for whom from one edition of the tables to another, in sentences.

An edition is the date of one that is delivered with the service, or the path of a folder. A folder that breaks a rule of data/README.md is
refused by file and line. Exit code 0 when both could be read, 2 otherwise.
"""

import argparse
import sys
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

from carnet_consent.domain.matrix import Habilitation
from carnet_consent.domain.matrix_files import COLUMNS, BrokenTableError, habilitation
from carnet_consent.domain.matrix_words import Names, differences, names

DATA: Traversable = files("carnet_consent") / "data"


def editions() -> list[str]:
    """The dates of the editions delivered with the service, the oldest first."""
    return sorted(folder.name for folder in DATA.iterdir() if folder.name[:1].isdigit())


def texts(edition: str) -> dict[str, str]:
    """The text of each file of an edition. Raises OSError when one is missing."""
    folder: Traversable = DATA / edition if edition in editions() else Path(edition)
    return {name: (folder / name).read_text(encoding="utf-8") for name in COLUMNS}


def known_names() -> Names:
    """What codes are called, and where cells come from."""
    return names((DATA / "names.csv").read_text(encoding="utf-8"), (DATA / "sources.csv").read_text(encoding="utf-8"))


def main(arguments: list[str] | None = None) -> int:
    """Tell the differences."""
    parser = argparse.ArgumentParser(
        prog="python -m carnet_consent.matrix", description="Who gains and who loses what between two editions"
    )
    parser.add_argument("before", help=f"a date ({', '.join(editions())}) or a folder")
    parser.add_argument("after", help="the same")
    options = parser.parse_args(arguments)
    try:
        before, after = _edition(options.before), _edition(options.after)
    except (BrokenTableError, OSError) as error:
        sys.stderr.write(f"the edition cannot be read: {error}\n")
        return 2
    told = differences(before, after, known_names())
    sys.stdout.write("".join(f"{sentence}\n" for sentence in told or ["Nobody gains or loses anything."]))
    return 0


def _edition(edition: str) -> Habilitation:
    return habilitation(texts(edition), Path(edition).name)


if __name__ == "__main__":
    sys.exit(main())
