"""The whole system on one machine: started in order, watched, stopped in order.

Start: Redis and mongod, the identity provider and the mail server, then identity, audit, consent, documents, awaited until the health of
each says SERVING. While it runs, a program that ends is said and started again. Stop: documents, consent, identity, audit, the identity
provider, the mail server, Redis, mongod, so that nobody loses what it still has to write. Its own exit is clean when every program's was.
"""

import asyncio
import fcntl
import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

from carnet_dev.certificates import Authority
from carnet_dev.child import Child
from carnet_dev.health import is_serving, wait_until_serving
from carnet_dev.plan import CLIENT_NAMES, IDENTITY_PROVIDER, MAIL_SERVER, SERVICES, STOP_ORDER, Plan, Service
from carnet_dev.ports import is_free, wait_until_open
from carnet_dev.private_files import write_private
from carnet_dev.stores import Stores
from carnet_dev.watched import Watched

Say = Callable[[str], None]

_EX_CONFIG = 78  # what a service exits with when its settings cannot be used: trying again is no use
_LOOK_EVERY_SECONDS = 0.1
_REMIND_EVERY = timedelta(seconds=10)
_TRIES_AT_START = 5


class StartError(Exception):
    """The system cannot come up; the message says what to do."""


class Supervisor:
    """Runs what `plan` describes. `command` gives the command line of a service, for tests of this class."""

    def __init__(
        self,
        plan: Plan,
        say: Say,
        *,
        stores: Stores | None = None,
        command: Callable[[str], list[str]] = lambda name: [sys.executable, "-m", f"carnet_{name}.main"],
    ) -> None:
        self.plan = plan
        self._say = say
        self._command = command
        self._stores = stores or Stores(plan.folder, mongo_port=plan.ports["mongod"], redis_port=plan.ports["redis"])
        self._watched: dict[str, Watched] = {}

    async def run(self, stop: asyncio.Event, up: Callable[[], None] = lambda: None) -> None:
        """Start everything, call `up`, keep it running until `stop` is set, stop everything. Raises StartError."""
        with _sole_owner(self.plan.folder):
            work = asyncio.create_task(self._start_and_watch(up))
            stopping = asyncio.create_task(stop.wait())
            try:
                await asyncio.wait({work, stopping}, return_when=asyncio.FIRST_COMPLETED)
                if work.done():
                    work.result()
            finally:
                work.cancel()
                stopping.cancel()
                await asyncio.gather(work, stopping, return_exceptions=True)
                self._stop()

    async def _start_and_watch(self, up: Callable[[], None]) -> None:
        await self._start()
        self._write_state()
        up()
        while True:
            for one in self._watched.values():
                await self._look_after(one)
            await asyncio.sleep(_LOOK_EVERY_SECONDS)

    async def _start(self) -> None:
        self._check_ports()
        authority = self.plan.authority
        for name in CLIENT_NAMES:
            authority.folder(name)
        self._start_stores()
        provider, mail_server = self._start_identity_provider(), self._start_mail_server(authority)
        # All at once, since each waits for what it needs, and the importing is most of a start; awaited one after the other.
        started = [self._start_service(service, authority) for service in SERVICES]
        self._wait_for_port(provider, f"identity provider at {self.plan.issuer}")
        self._wait_for_port(mail_server, f"mail server writes to {self.plan.mail}")
        for one in started:
            await self._wait_for_service(one)

    def _check_ports(self) -> None:
        taken = [f"{port} ({name})" for name, port in self.plan.ports.items() if name not in {"mongod", "redis"} and not is_free(port)]
        if taken:
            raise StartError(f"something else listens on port {', '.join(taken)}: stop it, or run with --free-ports")

    def _start_stores(self) -> None:
        """They start here and not in their Watched: what follows needs them and says so in their own words."""
        self._stores.start()
        for name, store in (("redis", self._stores.redis), ("mongod", self._stores.mongod)):
            if store is None:
                self._say(f"{name}: the running one of CARNET_{'MONGO' if name == 'mongod' else 'REDIS'}_URL")
                continue

            def start_again(store: Any = store) -> Child:  # noqa: ANN401  # a Mongod or a RedisServer, alike in this
                store.start()
                process: Child = store.process
                return process

            watched = Watched(name, start_again)
            watched.child = store.process
            self._watched[name] = watched
            self._say(f"{name} listens on port {store.port}")

    def _start_identity_provider(self) -> Watched:
        key = self.plan.identity_provider_key()
        port = str(self.plan.ports[IDENTITY_PROVIDER])
        one = self._watch(IDENTITY_PROVIDER, [sys.executable, "-m", "carnet_dev.identity_provider", "--port", port, "--key", str(key)], {})
        one.start()
        return one

    def _start_mail_server(self, authority: Authority) -> Watched:
        certificate, port = authority.folder(MAIL_SERVER), str(self.plan.ports[MAIL_SERVER])
        words = ["--port", port, "--certificate", str(certificate), "--folder", str(self.plan.mail)]
        one = self._watch(MAIL_SERVER, [sys.executable, "-m", "carnet_dev.mail_server", *words], {})
        one.start()
        return one

    def _wait_for_port(self, one: Watched, started: str) -> None:
        try:
            wait_until_open(self.plan.ports[one.name], lambda: one.exit_code is None)
        except (ChildProcessError, TimeoutError) as error:
            raise StartError(f"the {one.name} did not start: {self._last_words(one.name)}") from error
        self._say(started)

    def _start_service(self, service: Service, authority: Authority) -> Watched:
        one = self._watch(service.name, self._command(service.name), self.plan.settings(service, self._stores, authority))
        one.start()
        return one

    async def _wait_for_service(self, one: Watched) -> None:
        while not await self._is_up(one):
            pause = one.note_end()
            if one.exit_code == _EX_CONFIG or one.ends >= _TRIES_AT_START or pause is None:
                raise StartError(f"{one.name} does not start:\n{self._last_words(one.name)}\n(all of it: {self.plan.log(one.name)})")
            self._say(f"{one.name} ended with {one.exit_code}; again in {pause.total_seconds():g} s")
            await asyncio.sleep(pause.total_seconds())
            one.start()
        self._say(f"{one.name} serves at {self.plan.listen(one.name)}")

    async def _is_up(self, one: Watched) -> bool:
        def remind() -> None:
            self._say(f"still waiting for {one.name}: {self._last_words(one.name, lines=1)}")

        return await wait_until_serving(self.plan.listen(f"{one.name} health"), lambda: one.exit_code is not None, _REMIND_EVERY, remind)

    async def _look_after(self, one: Watched) -> None:
        pause = one.note_end()
        if pause is not None:
            self._say(f"{one.name} ended with {one.exit_code}; again in {pause.total_seconds():g} s ({self.plan.log(one.name)})")
        elif one.is_due():
            try:
                one.start()
            except (ChildProcessError, TimeoutError, OSError) as error:  # a store that did not come up: the next look sees it ended
                self._say(f"{one.name} did not start: {error}")
            self._write_state()
            self._say(f"{one.name} was started again")

    def _watch(self, name: str, command: list[str], settings: Mapping[str, str]) -> Watched:
        environment = self.plan.environment(settings)
        self._watched[name] = Watched(name, lambda: Child(command, self.plan.log(name), environment=environment))
        return self._watched[name]

    def _last_words(self, name: str, lines: int = 8) -> str:
        log = self.plan.log(name)
        text = log.read_text(errors="replace").strip().splitlines() if log.exists() else []
        return "\n".join(text[-lines:]) or "(it said nothing yet)"

    def _stop(self) -> None:
        (self.plan.folder / "run.json").unlink(missing_ok=True)
        for name in STOP_ORDER:
            one = self._watched.get(name)
            if one is not None and one.exit_code is None:
                code = one.terminate()
                self._say(f"{name} stopped" if code == 0 else f"{name} ended with {code} ({self.plan.log(name)})")
        self._stores.stop()
        self._say("all stopped")

    def _write_state(self) -> None:
        """`run.json`: for the demo, the tests and whoever wants to find the programs."""
        authority = self.plan.authority
        state = {
            "targets": {service.name: self.plan.listen(service.name) for service in SERVICES},
            "health": {service.name: self.plan.listen(f"{service.name} health") for service in SERVICES},
            "issuer": self.plan.issuer,
            "certificates": str(self.plan.folder / "certificates"),
            "authority": str(authority.certificate_file),
            "pids": {name: one.child.pid for name, one in self._watched.items() if one.child is not None},
        }
        write_private(self.plan.folder / "run.json", json.dumps(state, indent=2))


async def is_all_serving(plan: Plan) -> bool:
    """Whether every service of a run says SERVING now."""
    return all(await asyncio.gather(*(is_serving(plan.listen(f"{service.name} health")) for service in SERVICES)))


@contextmanager
def _sole_owner(folder: Path) -> Iterator[None]:
    """Hold the folder's lock: two runs over one folder would fight for its data."""
    folder.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise StartError(f"Carnet already runs from {folder}") from None
    else:
        yield
    finally:
        os.close(descriptor)
