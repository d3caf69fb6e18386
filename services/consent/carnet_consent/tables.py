"""The editions of the habilitation tables that are delivered with this service, read once a process."""

from datetime import date
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable

from carnet_platform.settings import SettingsError

from carnet_consent.domain.editions import Editions
from carnet_consent.domain.matrix_files import COLUMNS, BrokenTableError, habilitation


@cache
def delivered() -> Editions:
    """All editions in `data/`. Raises SettingsError, naming file and line, for one that breaks a rule."""
    return every_edition(files("carnet_consent") / "data")


def every_edition(data: Traversable) -> Editions:
    """All editions in a folder, each in one named by its day. Raises SettingsError, naming file and line, for one that breaks a rule."""
    folders = [folder for folder in data.iterdir() if folder.name[:1].isdigit()]
    try:
        return Editions.of(
            (
                date.fromisoformat(folder.name),
                habilitation({name: (folder / name).read_text(encoding="utf-8") for name in COLUMNS}, folder.name),
            )
            for folder in folders
        )
    except (BrokenTableError, OSError, ValueError) as error:
        raise SettingsError(f"an edition of the habilitation cannot be read: {error}") from None
