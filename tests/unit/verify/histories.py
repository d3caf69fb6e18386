"""Makes genuine histories for the tests, with lines of other records between, as a log would."""

import hashlib
import json
from dataclasses import dataclass

from carnet_verify.checkpoint import Checkpoint
from carnet_verify.commitment import commit
from carnet_verify.history import History, Line
from carnet_verify.leaf import VIEWS, Leaf, commit_origin, commit_view
from carnet_verify.note import Signer
from carnet_verify.statement import Statement, digest_names, name_checkpoint
from carnet_verify.tree import Frontier, Node, inclusion_ranges, prove
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

RECORD = "records/aaaaaaaaaaaaaaaaaaaaaaaaaa"
OTHER_RECORD = "records/bbbbbbbbbbbbbbbbbbbbbbbbbb"
HOLDER = "patients/p"
NAMES = {"professionals/b": "Dr Bruno EXEMPLE", "structures/f": "Hôpital de la Fontaine"}
SIGNER = Signer("carnet/log/0", Ed25519PrivateKey.from_private_bytes(bytes(range(32))))


@dataclass(frozen=True)
class MadeLog:
    """A log with one history in it, and its parts for tests that change them."""

    history: History
    checkpoint: Checkpoint
    others: tuple[Line, ...]


def salt(*parts: object) -> bytes:
    """32 bytes that look random and are the same each time."""
    return hashlib.sha256(repr(parts).encode()).digest()


def payload(number: int, record: str = RECORD) -> str:
    """The canonical text of an event."""
    event = {
        "actor": {"role": "10", "software": "spiffe://carnet/software/gp", "structure": "structures/f", "subject": "professionals/b"},
        "document_title": "Synthèse Médicale",
        "kind": "document.read",
        "record": record,
        "time": f"2026-11-21T11:{number // 60 % 60:02}:{number % 60:02}.000000Z",
    }
    return json.dumps(event, sort_keys=True, ensure_ascii=False, separators=(",", ":"))


def make_log(events: int, *, others_between: int = 2, view: str = "patient") -> MadeLog:
    """A log with `events` lines of RECORD and `others_between` lines of OTHER_RECORD after each."""
    frontier, nodes, drafts = Frontier(), dict[Node, bytes](), []
    counts = {RECORD: 0, OTHER_RECORD: 0}
    for record in [RECORD, *[OTHER_RECORD] * others_between] * events:
        counts[record] += 1
        number = counts[record]
        text = payload(number, record)
        event = json.loads(text)
        views = tuple(commit_view(salt("view", record, name, number), record, name, number) for name in VIEWS)
        leaf = Leaf(event["kind"], event["time"], commit_origin(salt("o"), "p", number), commit(salt(record, number), text.encode()), views)
        index = frontier.size
        for level, value in enumerate(frontier.append(leaf.hash())):
            nodes[(level, index >> level)] = value
        drafts.append((record, number, text, leaf, index))
    checkpoint = Checkpoint("carnet/log/0", frontier.size, frontier.root(), 61, "2026-11-21T11:04:56Z")
    lines = {RECORD: list[Line](), OTHER_RECORD: list[Line]()}
    for record, number, text, leaf, index in drafts:
        proof = tuple(prove(inclusion_ranges(index, frontier.size), nodes.__getitem__))
        opening = salt("view", record, view, number)
        lines[record].append(Line(number, text, salt(record, number), leaf, opening, index, proof))
    statement = Statement(RECORD, view, HOLDER, events, digest_names(NAMES), name_checkpoint(checkpoint))
    history = History(
        "en", RECORD, view, HOLDER, str(SIGNER.verifier_key()), checkpoint.sign(SIGNER), tuple(lines[RECORD]), NAMES, statement.sign(SIGNER)
    )
    return MadeLog(history, checkpoint, tuple(lines[OTHER_RECORD]))
