"""Start a system of its own, seed it, measure, print the table and write ``var/bench.json``."""

import argparse
import asyncio
import json
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path

import grpc
import uvloop
from bson.binary import Binary
from carnet.common.v1.purpose_of_use_pb2 import PurposeOfUse
from carnet_client import UserSession
from carnet_dev.child import Child
from carnet_dev.demo.cast import Cast
from carnet_dev.people import DIRECTORY_FILE
from carnet_dev.plan import Plan, free_ports
from carnet_dev.ports import free_port, wait_until_open
from carnet_dev.private_files import write_private
from carnet_dev.stores import Stores
from carnet_dev.supervisor import Supervisor
from carnet_platform import mongo
from carnet_platform.clock import SystemClock
from carnet_platform.journal import Journal
from carnet_platform.keys import MasterKeys
from carnet_platform.peers import channel_options
from load.bench import consents, directory, previews, rows
from load.bench.load import Measured, Operation, slice_of
from load.bench.persons import are_more_than, put_in
from load.bench.processor import Processor
from load.bench.report import AS_A_WHOLE, Row, report
from load.bench.rows import Comparison
from load.bench.seed import DOCUMENT_BYTES, seeded
from load.bench.settling import settled
from rich.console import Console

DEPOSIT_BYTES = 100_000
SMALL_BYTES = 1_500
DATABASE = "carnet_bench"
FEWER_PERSONS = FEWER_RECORDS = 10_000
UNMETERED = {
    f"{what}_rate_{whose}{window}": str(10**9)
    for what in ("search", "lookup")
    for whose in ("professional", "structure")
    for window in ("", "_day")
}
"""One professional looks for more persons than anybody may."""
console = Console()


def say(text: str) -> None:
    """Progress."""
    console.print(f"  {text}", style="dim", highlight=False)


@asynccontextmanager
async def running(folder: Path) -> AsyncIterator[tuple[Plan, Stores]]:
    """A whole system in ``folder`` on free ports."""
    folder.mkdir(parents=True, exist_ok=True)
    listed = folder / "directory.json"
    listed.write_text(previews.with_authors(DIRECTORY_FILE), encoding="utf-8")
    plan = Plan(folder, free_ports(), {"identity": {**UNMETERED, "directory_file": str(listed)}})
    stores = Stores(plan.folder, mongo_port=plan.ports["mongod"], redis_port=plan.ports["redis"])
    stop, up = asyncio.Event(), asyncio.Event()
    task = asyncio.ensure_future(Supervisor(plan, say, stores=stores).run(stop, up.set))
    waiting = asyncio.ensure_future(up.wait())
    await asyncio.wait({task, waiting}, return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    try:
        if task.done():
            task.result()
        yield plan, stores
    finally:
        stop.set()
        await task


def channel(plan: Plan, target: str) -> grpc.aio.Channel:
    """A channel with the certificate of documents."""
    folder = plan.authority.folder("documents")
    key, certificate, authority = ((folder / name).read_bytes() for name in ("key.pem", "cert.pem", "ca.pem"))
    return grpc.aio.secure_channel(target, grpc.ssl_channel_credentials(authority, key, certificate), channel_options("localhost"))


async def fill_floor(database: mongo.Database, driver: str) -> None:
    """Ten thousand small and large documents for the floors, unless they are there."""
    for name, size in (("small", SMALL_BYTES), ("large", DOCUMENT_BYTES)):
        if await database[name].estimated_document_count() >= rows.FLOOR_KEYS:
            continue
        say(f"{rows.FLOOR_KEYS} {name} documents for the floor ({driver})")
        for start in range(0, rows.FLOOR_KEYS, 500):
            await database[name].insert_many([{"_id": key, "content": Binary(b"x" * size)} for key in range(start, start + 500)])


async def compared(comparison: Comparison, in_flight: int, options: argparse.Namespace, processor: Processor) -> Row:
    """Measure a row and its floor in turns."""
    row, floor = Measured(), Measured()
    for _ in range(options.rounds):
        await slice_of(comparison.floor_operation, in_flight, options.seconds, floor, processor.seconds)
        await slice_of(comparison.operation, in_flight, options.seconds, row, processor.seconds)
    ratio = row.per_second / floor.per_second if floor.per_second else 0.0
    if comparison.is_by_processor:
        ratio = floor.processor_ms / row.processor_ms if row.processor_ms else 0.0
    line = Row(
        comparison.name,
        comparison.floor,
        in_flight,
        round(row.percentile(0.5), 3),
        round(row.percentile(0.99), 3),
        round(row.per_second, 1),
        round(ratio, 3),
        round(row.moved / row.seconds / 1e6, 2),
        processor_ms=round(row.processor_ms, 3),
    )
    told = f"{line.per_second:.0f} a second, {line.processor_ms:.1f} ms of processor each; {line.rate_to_floor:.2f}"
    say(f"{line.name} at {in_flight}: {told} of {floor.per_second:.0f} a second, {floor.processor_ms:.1f} ms")
    return line


def worker_memory(processor: Processor) -> Row:
    """What consent's one worker holds now."""
    held = round(processor.resident_mb("consent"), 1)
    return Row("consent-memory", "none: resident memory after the run", AS_A_WHOLE, 0.0, 0.0, 0.0, 0.0, 0.0, rss_mb=held)


async def main(options: argparse.Namespace) -> None:
    """Run the whole bench."""
    folder = options.folder.resolve()
    async with AsyncExitStack() as stack:
        plan, stores = await stack.enter_async_context(running(folder))
        cast = await stack.enter_async_context(Cast(folder))
        alice = await cast.member("alice")
        session = await cast.session("alice", "software/gp", PurposeOfUse.PURPOSE_OF_USE_TREATMENT, alice.structure)
        pairs = await seeded(folder, session, say)
        await settled(stores, say)
        url = stores.mongo_url(DATABASE)
        client = mongo.open_client(url, options.driver, pool_size=64)
        stack.push_async_callback(mongo.close, client)
        database = client.get_default_database()
        await fill_floor(database, options.driver)
        comparisons = await _comparisons(stack, plan, cast, database, session, pairs, options, url)
        lines, processor = [], Processor(plan.folder)
        for comparison in comparisons:
            if options.only and comparison.name not in options.only:
                continue
            if comparison.prepare is not None:
                await comparison.prepare()
            lines += [await compared(comparison, in_flight, options, processor) for in_flight in comparison.in_flight]
        if not options.only or directory.IMPORT in options.only:
            url = stores.mongo_url(f"{DATABASE}_directory")
            lines.append(await directory.import_directory(plan.folder, url, options.driver, options.activities, say))
        lines.append(worker_memory(processor))
    report(lines, options.output, console)


async def _comparisons(
    stack: AsyncExitStack,
    plan: Plan,
    cast: Cast,
    database: mongo.Database,
    session: UserSession,
    pairs: list[tuple[str, str]],
    options: argparse.Namespace,
    url: str,
) -> list[Comparison]:
    listen = f"127.0.0.1:{free_port()}"
    write_private(plan.folder / "urls" / "bench", url)
    command = [sys.executable, "-m", "load.bench.floor_server", listen, str(plan.authority.folder("documents"))]
    urls = plan.folder / "urls"
    child = Child([*command, str(urls / "bench"), str(urls / "consent" / "mongo_url"), options.driver], plan.log("floor"))
    stack.callback(child.terminate)
    wait_until_open(int(listen.rpartition(":")[2]), lambda: child.exit_code is None)
    floor = await stack.enter_async_context(channel(plan, listen))
    run = json.loads((plan.folder / "run.json").read_text(encoding="utf-8"))
    consent = await stack.enter_async_context(channel(plan, run["targets"]["consent"]))
    keys = MasterKeys.load(plan.folder / "keys" / "documents")
    journal = await Journal.open(database, keys, SystemClock(), service="bench")
    stack.push_async_callback(journal.close)
    echo = "echo plus one majority find"
    return [
        *_of_records(plan, session, consent, floor, options.records),
        *_of_explanations(plan, cast, session, rows.decide(consent, session, consents.records(FEWER_RECORDS))),
        Comparison("read-50kB", f"{echo} of 50 kB", rows.read(session, pairs), rows.find_through(floor, "large")),
        Comparison(
            "deposit-100kB",
            "one bare durable insert",
            rows.deposit(session, pairs, DEPOSIT_BYTES),
            rows.insert(database["inserted"], DEPOSIT_BYTES),
        ),
        Comparison("durable-events", "one durable insert each", rows.append(journal), rows.insert(database["events"], rows.EVENT_BYTES)),
        *await _of_persons(plan, session, floor, options.persons),
        Comparison(
            "resolve-professional",
            echo,
            directory.resolve_professional(session.connection),
            rows.find_through(floor, "small"),
            directory.there_are_professionals(plan, say),
        ),
    ]


def _of_records(plan: Plan, session: UserSession, consent: grpc.aio.Channel, floor: grpc.aio.Channel, count: int) -> Iterator[Comparison]:
    """A decision among all records of twenty authorisations, against the bare find of the record, and against one among fewer."""
    many, few = (rows.decide(consent, session, consents.records(number)) for number in (count, FEWER_RECORDS))
    find = rows.find_record_through(floor, consents.records(count))
    there_are = partial(consents.put_in, plan, session.subject, count, say)
    yield Comparison("decision", "echo plus one majority find of the record", many, find, there_are)
    yield Comparison("decision-100k", "a decision among 10 000 records", many, few, there_are)


def _of_explanations(plan: Plan, cast: Cast, session: UserSession, decision: Operation) -> Iterator[Comparison]:
    """What the holder asks about a record of 1 000 documents, against a decision."""
    explained = previews.Explained(cast, session)

    async def prepare() -> None:
        await consents.put_in(plan, session.subject, FEWER_RECORDS, say)
        await explained.prepare()

    for name, operation in (
        ("preview", previews.preview(explained, lambda one: previews.kinds_of_change(one).values())),
        ("preview-structure", previews.preview(explained, lambda one: [previews.structure_blocked(one)])),
        ("who-can-read", previews.who_can_read(explained)),
    ):
        yield Comparison(name, "a decision, by processor time", operation, decision, prepare, in_flight=(16,), is_by_processor=True)


async def _of_persons(plan: Plan, session: UserSession, floor: grpc.aio.Channel, persons: int) -> list[Comparison]:
    """Finding a person among ten thousand, where there are no more yet, then among all."""
    echo, find = "echo plus one majority find", rows.find_through(floor, "small")

    def there_are(count: int) -> Callable[[], Awaitable[None]]:
        return lambda: put_in(plan, count, say)

    def searching(name: str, count: int) -> Comparison:
        return Comparison(name, echo, rows.search_patient(session, count), find, there_are(count))

    if await are_more_than(plan, FEWER_PERSONS):
        say("search-patient-10k is measured in a new folder only: the store holds more persons")
        among_few = []
    else:
        among_few = [searching("search-patient-10k", min(FEWER_PERSONS, persons))]
    return [
        *among_few,
        searching("search-patient", persons),
        Comparison("resolve-patient", echo, rows.resolve_patient(session, persons), find, there_are(persons)),
    ]


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench", description="Carnet's costs as ratios to floors measured in the same run")
    parser.add_argument("--folder", type=Path, default=Path("var/bench"), help="where the bench's own system and seed lie")
    parser.add_argument("--output", type=Path, default=Path("var/bench.json"))
    parser.add_argument("--driver", choices=("motor", "pymongo"), default="motor")
    parser.add_argument("--rounds", type=int, default=4, help="how often a row and its floor take turns")
    parser.add_argument("--seconds", type=float, default=1.5, help="length of a slice")
    parser.add_argument("--persons", type=int, default=100_000, help="persons among whom one is found; put in once, in bulk")
    parser.add_argument("--records", type=int, default=100_000, help="records of twenty authorisations; put in once, in bulk")
    parser.add_argument("--activities", type=int, default=directory.ACTIVITIES, help="lines of the directory that is imported")
    parser.add_argument("--only", action="append", default=[], metavar="ROW")
    return parser.parse_args()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main(_options()))
