"""The one place that knows two MongoDB drivers; everything else is typed against PyMongo's asyncio client.

Decides how a client is opened (majority writes, journaled; majority reads; short timeouts, so that a hung store is noticed) and
bridges the five calls in which motor and PyMongo differ. Storage code uses only what both share plus this module.
A cancelled or timed-out write is of unknown outcome on both drivers: never take it as not done.
"""

import asyncio
import inspect
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import Any, Final, Literal, TypeVar, cast

from pymongo import AsyncMongoClient, IndexModel, ReadPreference, WriteConcern
from pymongo.asynchronous.change_stream import AsyncChangeStream
from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.asynchronous.command_cursor import AsyncCommandCursor
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import BulkWriteError, CollectionInvalid, DuplicateKeyError, OperationFailure
from pymongo.read_concern import ReadConcern

from carnet_platform.telemetry.mongo_steps import MongoSteps

Document = dict[str, Any]
Client = AsyncMongoClient[Document]
Database = AsyncDatabase[Document]
Collection = AsyncCollection[Document]
Session = AsyncClientSession
Driver = Literal["motor", "pymongo"]
T = TypeVar("T")

MAJORITY: Final = WriteConcern("majority", j=True)
"""Durable: written to the journal of a majority of the members."""
READ_MAJORITY: Final = ReadConcern("majority")
"""Only what no failover can take back."""

_NAMESPACE_EXISTS: Final = 48
_DUPLICATE_KEY: Final = 11000
_MOTOR_THREADS: Final = "64"


def open_client(url: str, driver: Driver, *, pool_size: int = 20) -> Client:
    """Return a client of the database named in `url`; it connects at first use. To be called inside the event loop."""
    options: dict[str, Any] = {
        "tz_aware": True,
        "retryWrites": True,
        "w": "majority",
        "journal": True,
        "readConcernLevel": "majority",
        "maxPoolSize": pool_size,
        "minPoolSize": min(pool_size, 8),
        "serverSelectionTimeoutMS": 3000,
        "connectTimeoutMS": 2000,
        "socketTimeoutMS": 10000,
        "waitQueueTimeoutMS": 3000,
        "heartbeatFrequencyMS": 2000,
        "event_listeners": [MongoSteps()],
    }
    if driver == "pymongo":
        return AsyncMongoClient(url, **options)
    # motor reads this while it is imported; its default of five threads a core would queue commits behind slow reads.
    os.environ.setdefault("MOTOR_MAX_WORKERS", _MOTOR_THREADS)
    from motor.motor_asyncio import AsyncIOMotorClient  # noqa: PLC0415

    return cast(Client, AsyncIOMotorClient(url, **options))


async def close(client: Client) -> None:
    """Close the client's connections."""
    await _settle(client.close())


@asynccontextmanager
async def causal_session(client: Client) -> AsyncIterator[Session]:
    """Open a session whose reads include everything it wrote or read before, whichever member answers; one call at a time may use it."""
    async with await _settle(client.start_session(causal_consistency=True)) as session:
        yield session


@asynccontextmanager
async def transaction(client: Client) -> AsyncIterator[Session]:
    """Run the block in one transaction (majority, snapshot), committed at its end; it is not retried."""
    async with await _settle(client.start_session()) as session:
        begun = session.start_transaction(read_concern=ReadConcern("snapshot"), write_concern=MAJORITY)
        async with await _settle(begun):
            yield session


async def in_transaction(client: Client, body: Callable[[Session], Awaitable[T]]) -> T:
    """Run `body` in a transaction (majority, snapshot) and again when it met a conflict; return what the committed run returned.

    `body` may run several times: it must have no effect but through the session.
    """
    async with await _settle(client.start_session()) as session:
        result = await session.with_transaction(
            body,
            read_concern=ReadConcern("snapshot"),
            write_concern=MAJORITY,
            read_preference=ReadPreference.PRIMARY,
        )
    return cast(T, result)


def conflict(message: str) -> OperationFailure:
    """Return the error that makes `in_transaction` run its body again, on what the other writer has left."""
    return OperationFailure(message, 112, {"errorLabels": ["TransientTransactionError"]})


@contextmanager
def raising_on_duplicates(error: Exception) -> Iterator[None]:
    """Raise this error in the place of the driver's when a row, or one of several, is there already."""
    try:
        yield
    except DuplicateKeyError:
        raise error from None
    except BulkWriteError as several:
        if any(wrong["code"] != _DUPLICATE_KEY for wrong in several.details["writeErrors"]):
            raise
        raise error from None


async def aggregate(
    collection: Collection, pipeline: Sequence[Mapping[str, Any]], *, session: Session | None = None, hint: str | None = None
) -> AsyncCommandCursor[Document]:
    """Return the cursor of an aggregation; `hint` names the index to use."""
    options: dict[str, Any] = {} if hint is None else {"hint": hint}
    return cast(AsyncCommandCursor[Document], await _settle(collection.aggregate(pipeline, session=session, **options)))


@asynccontextmanager
async def watch(collection: Collection, pipeline: Sequence[Mapping[str, Any]]) -> AsyncIterator[AsyncChangeStream[Document]]:
    """Follow the changes of a collection. With motor each open watch holds a thread while it waits."""
    async with await _settle(collection.watch(pipeline)) as stream:
        yield stream


async def ensure_collection(
    database: Database, name: str, *, validator: Mapping[str, Any], indexes: Sequence[IndexModel] = ()
) -> Collection:
    """Create the collection, or bring its validator and indexes up to date, and return it with majority writes and reads.

    `validator` is what MongoDB takes, e.g. `{"$jsonSchema": {...}}`. Changing the validator of an existing collection needs the
    right `collMod` (role dbAdmin), creating one does not. Safe when several processes start at once.
    """
    try:
        await database.create_collection(name, validator=validator)
    except (CollectionInvalid, OperationFailure) as error:
        if isinstance(error, OperationFailure) and error.code != _NAMESPACE_EXISTS:
            raise
        await _update_validator(database, name, validator)
    collection = database.get_collection(name, write_concern=MAJORITY, read_concern=READ_MAJORITY)
    if indexes:
        await collection.create_indexes(indexes)
    return collection


def raise_if_cancelled() -> None:
    """Raise CancelledError when this task was asked to end; for loops that call the store for ever.

    On Python 3.11 `asyncio.wait_for`, through which PyMongo writes to its sockets, loses a cancellation that comes in the instant
    the write ends: the call returns as if nothing had happened, and a loop without this check would never end.
    """
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError


async def _update_validator(database: Database, name: str, validator: Mapping[str, Any]) -> None:
    async for found in await database.list_collections(filter={"name": name}):
        if found.get("options", {}).get("validator", {}) != validator:
            await database.command("collMod", name, validator=dict(validator))


async def _settle(value: Any) -> Any:  # noqa: ANN401  the bridge between two drivers' types
    return await value if inspect.isawaitable(value) else value
