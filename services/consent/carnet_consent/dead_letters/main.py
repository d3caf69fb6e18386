"""The command `python -m carnet_consent.dead_letters.main list|retry`: letters of notices that were given up, and another try for them.

Takes consent's own settings from the environment, opens no port, calls nobody: who runs delivers what is tried again. It tells a number
and opaque names, never whom a notice tells or of what. Exit codes: 0 done; 75 (EX_TEMPFAIL) the store was lost, do it again; 78 settings.
"""

import argparse
import sys

from carnet_platform.imports.command import EX_TEMPFAIL, ListensNowhere
from carnet_platform.platform import Platform
from carnet_platform.process import run
from carnet_platform.settings import SettingsError
from pymongo.errors import PyMongoError

from carnet_consent.settings import ConsentSettings
from carnet_consent.storage.notices import Notices


class CommandSettings(ListensNowhere, ConsentSettings):
    """Consent's settings; the command may run beside a consent on one machine."""


async def look_after(platform: Platform, command: str) -> None:
    """List the dead letters, or have them tried again."""
    settings = platform.settings
    if not isinstance(settings, ConsentSettings):
        raise SettingsError("this command needs the settings of consent")
    keys = platform.keys()
    notices = await Notices.open((await platform.mongo()).get_default_database(), keys, settings.notices_kept)
    if command == "list":
        async for name, time in notices.given_up():
            platform.logger.info("notice.given_up", notice=name, since=time.isoformat())
    else:
        platform.logger.info("notices.tried_again", count=await notices.try_again(platform.clock.now()))


async def _serve(platform: Platform, command: str) -> None:
    try:
        await look_after(platform, command)
    except PyMongoError as error:
        platform.logger.warning("notices.store_lost", kind=type(error).__name__)
        raise SystemExit(EX_TEMPFAIL) from None


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(prog="carnet_consent.dead_letters", description="Letters of notices that were given up")
    parser.add_argument("command", choices=("list", "retry"), help="tell them by opaque name, or have them tried again")
    command = parser.parse_args(sys.argv[1:]).command
    run(lambda platform: _serve(platform, command), CommandSettings, "consent")


if __name__ == "__main__":
    main()
