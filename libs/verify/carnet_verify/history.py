"""The file a person downloads: her whole history with its proofs, as JSON.

    {"version":1,"language":"fr","record":"records/...","view":"patient","holder":"patients/...",
    "verifier_key":"...","checkpoint":"...","lines":[
    {"number":1,"payload":"...","salt":"...","leaf":{...},"opening":"...","index":12,"proof":["...",...]},
    ...
    ],"names":{"professionals/...":"Dr ...",...},"statement":"..."}

One event a line of text, so that damage can be told by line. `payload` is the canonical text of the event; `salt` opens
its commitment in `leaf` (kind, time, origin, commitment, views); `opening` is the salt of the commitment to (record,
view, number); `index` and `proof` place the leaf under the checkpoint. `holder` is whose record it is: only her own acts
are shown as hers. Bytes are canonical base64. The file carries no sentence: sentences are made from payloads and names by
whoever shows them, so what is shown cannot differ from what is proved. Reading is strict: an unknown, missing or repeated
key, a value of another type, or half a character (a lone surrogate) around the lines makes the file unreadable.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from carnet_verify.leaf import Leaf
from carnet_verify.note import NoteError, decode_base64, encode_base64

VERSION = 1
"""The version of the file this module writes and reads."""

LANGUAGES = ("fr", "en")
"""Languages a history can be shown in."""


class UnreadableError(Exception):
    """The file is not a history. `line` is the number of the event near which reading failed, 0 when that is not known."""

    def __init__(self, words: str, line: int = 0) -> None:
        super().__init__(words)
        self.line = line


@dataclass(frozen=True)
class Line:
    """One event of a history with everything that proves it."""

    number: int
    payload: str
    salt: bytes
    leaf: Leaf
    opening: bytes
    index: int
    proof: tuple[bytes, ...]


@dataclass(frozen=True)
class History:
    """A history as its file states it; nothing of it is verified yet."""

    language: str
    record: str
    view: str
    holder: str
    verifier_key: str
    checkpoint: str
    lines: tuple[Line, ...]
    names: Mapping[str, str]
    statement: str


def write_head(*, language: str, record: str, view: str, holder: str, verifier_key: str, checkpoint: str) -> str:
    """The beginning of the file, up to its lines."""
    head = {
        "version": VERSION,
        "language": language,
        "record": record,
        "view": view,
        "holder": holder,
        "verifier_key": verifier_key,
        "checkpoint": checkpoint,
    }
    return f'{_dump(head)[:-1]},"lines":['


def write_lines(lines: Iterable[Line], *, is_first: bool = True) -> Iterator[str]:
    """Lines of the file, oldest first, each with what separates it from the one before; `is_first` when none was written yet."""
    separator = "\n" if is_first else ",\n"
    for line in lines:
        yield separator + _dump(_line_values(line))
        separator = ",\n"


def write_tail(names: Mapping[str, str], statement: str) -> str:
    """The end of the file."""
    return f'\n],"names":{_dump(dict(names))},"statement":{_dump(statement)}}}\n'


def write_history(history: History) -> str:
    """The whole file."""
    head = write_head(
        language=history.language,
        record=history.record,
        view=history.view,
        holder=history.holder,
        verifier_key=history.verifier_key,
        checkpoint=history.checkpoint,
    )
    return head + "".join(write_lines(history.lines)) + write_tail(history.names, history.statement)


def read_history(data: bytes) -> History:
    """The history of a file. Raises UnreadableError when the file is not one."""
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        raise UnreadableError("the file is not UTF-8 text", data.count(b"\n", 0, error.start)) from error
    try:
        values = json.loads(text, object_pairs_hook=_refuse_repeated)
    except json.JSONDecodeError as error:
        raise UnreadableError("the file is not JSON", error.lineno - 1) from error
    except (RecursionError, ValueError) as error:
        raise UnreadableError("the file is not JSON") from error
    taken = _take(
        values,
        0,
        version=int,
        language=str,
        record=str,
        view=str,
        holder=str,
        verifier_key=str,
        checkpoint=str,
        lines=list,
        names=dict,
        statement=str,
    )
    if taken.pop("version") != VERSION or taken["language"] not in LANGUAGES:
        raise UnreadableError("the file is of a version or language this program does not know")
    if not all(isinstance(name, str) for name in taken["names"].values()):
        raise UnreadableError("a name is not a text")
    _refuse_half_characters(taken)
    taken["lines"] = tuple(_read_line(values, position) for position, values in enumerate(taken["lines"], 1))
    return History(**taken)


def _read_line(values: object, position: int) -> Line:
    line = _take(values, position, number=int, payload=str, salt=str, leaf=dict, opening=str, index=int, proof=list)
    leaf = _take(line["leaf"], position, kind=str, time=str, origin=str, commitment=str, views=list)
    try:
        return Line(
            number=line["number"],
            payload=line["payload"],
            salt=decode_base64(line["salt"]),
            leaf=Leaf(
                leaf["kind"], leaf["time"], decode_base64(leaf["origin"]), decode_base64(leaf["commitment"]), _decode_all(leaf["views"])
            ),
            opening=decode_base64(line["opening"]),
            index=line["index"],
            proof=_decode_all(line["proof"]),
        )
    except NoteError as error:
        raise UnreadableError("a value is not canonical base64", position) from error


def _line_values(line: Line) -> dict[str, Any]:
    leaf = line.leaf
    return {
        "number": line.number,
        "payload": line.payload,
        "salt": encode_base64(line.salt),
        "leaf": {
            "kind": leaf.kind,
            "time": leaf.time,
            "origin": encode_base64(leaf.origin),
            "commitment": encode_base64(leaf.commitment),
            "views": [encode_base64(view) for view in leaf.views],
        },
        "opening": encode_base64(line.opening),
        "index": line.index,
        "proof": [encode_base64(node) for node in line.proof],
    }


def _decode_all(values: list[object]) -> tuple[bytes, ...]:
    if not all(isinstance(value, str) for value in values):
        raise NoteError("not a text")
    return tuple(decode_base64(str(value)) for value in values)


def _take(values: object, line: int, **types: type) -> dict[str, Any]:
    if not isinstance(values, dict) or values.keys() != types.keys():
        raise UnreadableError("keys are missing or unknown", line)
    for key, kind in types.items():
        if type(values[key]) is not kind:
            raise UnreadableError(f"`{key}` is of another type", line)
    return values


def _refuse_repeated(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) != len(pairs):
        raise ValueError("a key is repeated")
    return values


def _refuse_half_characters(taken: Mapping[str, Any]) -> None:
    """Texts of lines are left to the proofs, which no such text passes."""
    try:
        _dump({key: value for key, value in taken.items() if key != "lines"}).encode()
    except UnicodeEncodeError as error:
        raise UnreadableError("a text is not Unicode") from error


def _dump(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
