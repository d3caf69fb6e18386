"""A command beside a service, with the service's own settings: it listens nowhere, ends when it is asked to, and says how by its exit code.

0 done; 65 (EX_DATAERR) what it was given is not as it must be; 75 (EX_TEMPFAIL) it stopped, the store was lost, or another was begun: the
same command goes on; 78 settings, as a service.
"""

import asyncio
import gc
import signal
from collections.abc import Awaitable, Callable
from typing import Any, Final

from pydantic import model_validator
from pymongo.errors import PyMongoError

from carnet_platform.errors import Refusal
from carnet_platform.imports.progress import SupersededError
from carnet_platform.platform import Platform
from carnet_platform.settings import PlatformSettings

EX_DATAERR: Final = 65
EX_TEMPFAIL: Final = 75
_OBJECTS_BETWEEN_LOOKS: Final = 100_000


class StoppedError(Exception):
    """The operator asked this process to stop."""


class ListensNowhere(PlatformSettings):
    """To be named before a service's settings: the command uses neither ports nor workers, and may run beside a service on one machine."""

    @model_validator(mode="before")
    @classmethod
    def _listens_nowhere(cls, values: dict[str, Any]) -> dict[str, Any]:
        return {**values, "listen": "127.0.0.1:0", "health_listen": "127.0.0.1:0", "workers": 1}


def collect_seldom() -> None:
    """Millions of rows come and go without a cycle among them: looking for garbage after every few of them took a tenth of the time."""
    gc.freeze()
    gc.set_threshold(_OBJECTS_BETWEEN_LOOKS)


async def code_of(platform: Platform, name: str, work: Callable[[], Awaitable[int]]) -> int:
    """Do the work until it ends, or SIGTERM or SIGINT comes; give its exit code. Whatever else goes wrong is raised, such as OSError."""
    task, loop = asyncio.current_task(), asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        if task is not None:
            loop.add_signal_handler(number, task.cancel)
    stopped, superseded, again = f"{name}.stopped", f"{name}.superseded", "the same command goes on where this one stopped"
    try:
        return await work()
    except (asyncio.CancelledError, StoppedError):
        platform.logger.warning(stopped, rule=again)
    except SupersededError:
        platform.logger.warning(superseded, rule="another import was begun after this one")
    except PyMongoError as error:
        platform.logger.warning(stopped, kind=type(error).__name__, rule=again)
    except Refusal as refusal:
        platform.logger.warning(stopped, kind=refusal.reason, rule=again)
    return EX_TEMPFAIL
