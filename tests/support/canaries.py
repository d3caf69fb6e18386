"""Words that must not be found, and every place where they could be: logs, traces, answers, raw bytes of MongoDB and Redis."""

import base64
import random
import string
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from bson.raw_bson import RawBSONDocument
from carnet_dev.local_run import LocalRun
from carnet_dev.mongod import Mongod
from carnet_dev.redis_server import RedisServer
from pymongo import MongoClient
from pymongo.errors import OperationFailure
from redis import Redis

MONGODBS_OWN = {"admin", "config", "local"}
"""Databases of which not even the administrator may read every collection. The oplog, which holds what we write, can be read."""


@dataclass(frozen=True)
class Place:
    """A line of a file, a stored document, a key with its value: something to look into."""

    where: str
    content: bytes


def invented_word(length: int = 12) -> str:
    """A word of A-Z that stands nowhere else."""
    return "".join(random.choice(string.ascii_uppercase) for _ in range(length))


def forms(word: str) -> frozenset[bytes]:
    """A word as it could be written down, in lower case: plain, UTF-16, hexadecimal, base64 at each of its three alignments."""
    found = {word.lower().encode(), word.lower().encode("utf-16-le"), word.encode().hex().encode()}
    for padding in range(3):
        inside = base64.b64encode(b"\0" * padding + word.encode())
        # The first and last group also hold bits of what stands beside it.
        found.add(inside[4 if padding else 0 : len(inside) - 4].lower())
    return frozenset(found)


def found_in(places: Iterable[Place], words: Mapping[str, str]) -> set[tuple[str, str]]:
    """(where, which word) of every word found; `words` are by what they are called."""
    patterns = {name: forms(word) for name, word in words.items()}
    hits = set()
    for place in places:
        content = place.content.lower()
        hits |= {(place.where, name) for name, several in patterns.items() if any(form in content for form in several)}
    return hits


def together_in(places: Iterable[Place], first: Iterable[str], second: Iterable[str]) -> set[str]:
    """Where one of the first and one of the second stand in the same place."""
    ones, others = [word.encode() for word in first], [word.encode() for word in second]
    return {
        place.where for place in places if any(one in place.content for one in ones) and any(other in place.content for other in others)
    }


def told(carnet: LocalRun) -> Iterator[Place]:
    """Every line of every log and trace file, the stores' own logs included."""
    for folder in ("log", "traces"):
        for file in sorted((carnet.folder / folder).rglob("*")):
            if file.is_file():
                yield from (Place(f"{folder}/{file.name}", line) for line in file.read_bytes().splitlines())


def admin_url(carnet: LocalRun) -> str:
    """The URL of the user who may do everything in the MongoDB of a local run."""
    mongod = Mongod(carnet.folder)
    mongod.port = int((carnet.folder / "mongo.port").read_text())
    return mongod.admin_url


def stored(carnet: LocalRun) -> Iterator[Place]:
    """Every document of every collection of every database as raw BSON, those of the system itself (the oplog) included."""
    with MongoClient[RawBSONDocument](admin_url(carnet), document_class=RawBSONDocument) as client:
        for name in client.list_database_names():
            database = client[name]
            for collection in database.list_collection_names(filter={"type": "collection"}):
                try:
                    yield from (Place(f"{name}.{collection}", bytes(document.raw)) for document in database[collection].find({}))
                except OperationFailure:
                    if name not in MONGODBS_OWN:
                        raise


def remembered(carnet: LocalRun) -> Iterator[Place]:
    """Every key and value of Redis."""
    server = RedisServer(carnet.folder)
    server.port = int((carnet.folder / "redis.port").read_text())
    with Redis.from_url(server.url) as redis:
        for key in redis.scan_iter("*"):
            yield Place("redis", key + b"\0" + (redis.dump(key) or b""))


def files(folder: Path) -> Iterator[Place]:
    """Every file below a folder, whole."""
    yield from (Place(str(file), file.read_bytes()) for file in sorted(folder.rglob("*")) if file.is_file())
