"""What somebody with the store's files would hold."""

from typing import Any

from pymongo import MongoClient
from support.stores_fixtures import TestStores


def dump_of(stores: TestStores, database: str) -> bytes:
    """Every row of a database, raw."""
    with MongoClient[dict[str, Any]](stores.mongo_admin_url) as client:
        opened = client[database]
        return b"".join(_raw(batch) for name in opened.list_collection_names() for batch in opened[name].find_raw_batches())


def _raw(batch: object) -> bytes:
    # PyMongo types the raw batches of a collection as its documents; they are bytes.
    assert isinstance(batch, bytes)
    return batch
