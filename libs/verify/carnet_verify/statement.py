"""The signed count: how many lines one view of one record has at one checkpoint. It makes a history complete.

    carnet-history v1
    <records/...>
    <view>
    holder <patients/...: whose record it is>
    count <how many lines>
    names <base64 of the SHA-256 of the table of names the file shows lines with>
    checkpoint <origin> <number> <size> <root in base64>

as the text of a signed note by the log's key. It cannot be taken for a checkpoint: no log is called `carnet-history v1`,
a name has no space.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass

from carnet_verify.checkpoint import Checkpoint, parse_decimal
from carnet_verify.note import NoteError, Signer, VerifierKey, encode_base64

_FIRST_LINE = "carnet-history v1"
_LINES = 7


@dataclass(frozen=True)
class Statement:
    """The count of one view of one record, its holder, the digest of the names, and the checkpoint it holds at."""

    record: str
    view: str
    holder: str
    count: int
    names: str
    checkpoint: str

    def body(self) -> str:
        """The text that is signed."""
        about = f"{_FIRST_LINE}\n{self.record}\n{self.view}\nholder {self.holder}\n"
        return f"{about}count {self.count}\nnames {self.names}\ncheckpoint {self.checkpoint}\n"

    def sign(self, signer: Signer) -> str:
        """The statement as a signed note."""
        return signer.sign(self.body())


def name_checkpoint(checkpoint: Checkpoint) -> str:
    """How a statement names a checkpoint."""
    return f"{checkpoint.origin} {checkpoint.number} {checkpoint.size} {encode_base64(checkpoint.root)}"


def digest_names(names: Mapping[str, str]) -> str:
    """The digest of a table from resource names to display names: SHA-256 of its JSON, keys sorted, no white space."""
    text = json.dumps(dict(names), sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return encode_base64(hashlib.sha256(text.encode()).digest())


def open_statement(note: str, key: VerifierKey) -> Statement:
    """The statement of a note that `key` signed. Raises NoteError when it did not, or the text is not a statement."""
    lines = key.text_of(note).split("\n")
    if len(lines) != _LINES + 1 or lines[_LINES] or lines[0] != _FIRST_LINE:
        raise NoteError("not a statement about a history")
    values = []
    for name, line in zip(("holder", "count", "names", "checkpoint"), lines[3:_LINES], strict=True):
        if not line.startswith(f"{name} "):
            raise NoteError(f"a statement has its {name} where it belongs")
        values.append(line.removeprefix(f"{name} "))
    holder, count, names, checkpoint = values
    return Statement(lines[1], lines[2], holder, parse_decimal(count), names, checkpoint)
