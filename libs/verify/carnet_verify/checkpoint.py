"""A checkpoint: the log's signed word about its size and root (C2SP tlog-checkpoint).

    <origin: the log's name and its key's>
    <size in decimal>
    <root in base64>
    number <the how-manieth checkpoint of the log>
    time <when it was made, RFC 3339 in UTC>

as the text of a signed note. The last two lines are extensions that the specification allows.
"""

from dataclasses import dataclass

from carnet_verify.leaf import HASH_BYTES
from carnet_verify.note import NoteError, Signer, VerifierKey, decode_base64, encode_base64

_LINES = 5


@dataclass(frozen=True)
class Checkpoint:
    """Size and root of a log at a time."""

    origin: str
    size: int
    root: bytes
    number: int
    time: str

    def body(self) -> str:
        """The text that is signed."""
        return f"{self.origin}\n{self.size}\n{encode_base64(self.root)}\nnumber {self.number}\ntime {self.time}\n"

    def sign(self, signer: Signer) -> str:
        """The checkpoint as a signed note. The origin must be the key's name."""
        if signer.name != self.origin:
            raise NoteError("a checkpoint is signed by the key of its origin")
        return signer.sign(self.body())


def open_checkpoint(note: str, key: VerifierKey) -> Checkpoint:
    """The checkpoint of a note that `key` signed. Raises NoteError when it did not, or the text is not a checkpoint."""
    checkpoint = parse_body(key.text_of(note))
    if checkpoint.origin != key.name:
        raise NoteError("the checkpoint is of another log")
    return checkpoint


def parse_body(text: str) -> Checkpoint:
    """The checkpoint of its text, without looking at any signature. Raises NoteError when it is not one."""
    lines = text.split("\n")
    if len(lines) != _LINES + 1 or lines[_LINES]:
        raise NoteError("a checkpoint has five lines")
    origin, size, root, number, time = lines[:_LINES]
    if not number.startswith("number ") or not time.startswith("time "):
        raise NoteError("a checkpoint names its number and its time")
    checkpoint = Checkpoint(
        origin, parse_decimal(size), decode_base64(root), parse_decimal(number.removeprefix("number ")), time.removeprefix("time ")
    )
    if len(checkpoint.root) != HASH_BYTES:
        raise NoteError("a root has 32 bytes")
    return checkpoint


def parse_decimal(text: str) -> int:
    """A number written in ASCII digits without a leading zero. Raises NoteError otherwise."""
    if not (text.isascii() and text.isdecimal()) or (len(text) > 1 and text[0] == "0") or len(text) > 18:  # noqa: PLR2004 - fits 8 bytes
        raise NoteError("not a decimal number")
    return int(text)
