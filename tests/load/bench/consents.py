"""A hundred thousand records of twenty authorisations, put into consent's own store by consent's own code, in bulk.

Only the storage is used, not the service: each is sealed with the service's keys over the text that the service stores. Nobody opened
them, so no event and no history speaks of them. They are made once and kept in the bench's folder.
"""

import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from carnet_consent.domain.consent import Consent, Evidence, RecordState, Statement, StatementKind
from carnet_consent.domain.notice import ALWAYS_MAILED
from carnet_consent.domain.notice_preferences import MAILED
from carnet_consent.storage.indexes import RECORDS
from carnet_consent.storage.records import Seals
from carnet_dev.plan import Plan
from carnet_platform import mongo
from carnet_platform.keys import MasterKeys
from load.bench.persons import numbered
from pymongo import WriteConcern

AUTHORISATIONS = 20
OF_STRUCTURES = 6
"""How many of them are of a structure."""
BATCH = 500
_BEGAN = datetime(2026, 1, 5, 9, tzinfo=UTC)
_KINDS = (StatementKind.STANDING, StatementKind.STANDING, StatementKind.CARE_RELATION, StatementKind.SINGLE_CONSULTATION)
_MUTED = tuple(sorted(kind for kind in MAILED if kind not in ALWAYS_MAILED))
"""A first access is noted for their holders, whom identity does not know, and no letter is written."""


def records(count: int) -> list[str]:
    """The names of the first `count`."""
    return [f"records/{numbered(number)}" for number in range(count)]


def _stated(reader: str) -> Consent:
    """What each of them states: that `reader` may read, and what is told of nineteen others."""
    doctor = f"professionals/{numbered(0)}"
    others = [f"professionals/{numbered(number)}" for number in range(AUTHORISATIONS - OF_STRUCTURES - 1)]
    others += [f"structures/{numbered(number)}" for number in range(OF_STRUCTURES)]
    statements = [Statement(numbered(0), reader, StatementKind.STANDING, _BEGAN, _BEGAN + timedelta(days=36_500), "patients/-")]
    for number, grantee in enumerate(others, start=1):
        end = _BEGAN + timedelta(days=3_650 + number)
        statements.append(Statement(numbered(number), grantee, _KINDS[number % 4], _BEGAN, end, doctor, "suivi"))
    return Consent(
        record="records/-",
        patient="patients/-",
        state=RecordState.ACTIVE,
        revision=AUTHORISATIONS,
        opened=_BEGAN,
        evidence=Evidence("form", "v3", "signed on screen", doctor, _BEGAN),
        statements=tuple(statements),
        muted_letters=_MUTED,
        muted_pushes=_MUTED,
    )


async def put_in(plan: Plan, reader: str, count: int, say: Callable[[str], None]) -> None:
    """See to it that the first `count` records lie in consent's store, readable by `reader` (`professionals/{p}`)."""
    url = (plan.folder / "urls" / "consent" / "mongo_url").read_text(encoding="utf-8").strip()
    client = mongo.open_client(url, "pymongo", pool_size=4)
    try:
        # One member's memory is enough for what can be made again.
        collection = client.get_default_database()[RECORDS].with_options(write_concern=WriteConcern(1))
        held = {row["_id"] async for row in collection.find({}, {"_id": 1})}
        missing = [(number, name) for number, name in enumerate(records(count)) if name not in held]
        if not missing:
            return
        began, stated = time.monotonic(), _stated(reader)
        seals = Seals(MasterKeys.load(plan.folder / "keys" / "consent"))
        for start in range(0, len(missing), BATCH):
            made = [replace(stated, record=name, patient=f"patients/{numbered(number)}") for number, name in missing[start : start + BATCH]]
            await collection.insert_many([seals.sealed(one) for one in made], ordered=False)
        say(f"{len(missing)} records of {AUTHORISATIONS} authorisations lie in consent's store after {time.monotonic() - began:.0f} s")
    finally:
        await mongo.close(client)
