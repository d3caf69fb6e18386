"""The verification procedure, in its order. Each step rests on the ones before.

1. The checkpoint is signed by the verifier key. The key should come from elsewhere than the file; a key found in the file
   proves only that the file agrees with itself.
2. A checkpoint known from elsewhere, when given, is signed by the same key and has the same root for the same size.
3. The statement is signed by that key, is about this record, this view and this holder, and names this checkpoint and
   these names.
4. Every line, in order: (a) its text opens the commitment of its leaf, and kind and time of the leaf are the text's;
   (b) its number opens the leaf's commitment to (record, view, number); (c) the leaf is in the tree of the checkpoint;
   (d) the number follows that of the line before, from 1.
5. There are as many lines as the statement counts.

The answer names the first step that fails, and for a line its place and what happened to it: altered, left out, added.
What it does not show: that the event took place as told; only that this is what was written then, and all of it.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from carnet_verify.checkpoint import Checkpoint, open_checkpoint
from carnet_verify.commitment import opens
from carnet_verify.history import History, Line
from carnet_verify.leaf import opens_view
from carnet_verify.note import NoteError, VerifierKey, parse_key
from carnet_verify.statement import Statement, digest_names, name_checkpoint, open_statement
from carnet_verify.tree import proves_inclusion
from carnet_verify.words import name_act


@dataclass(frozen=True)
class Problem:
    """Why a history is not genuine or not complete.

    `step` is the step of the procedure; `position` the place of the line in the file from 1, 0 when it is not about a line.
    """

    step: int
    position: int
    words: str


@dataclass(frozen=True)
class Answer:
    """The answer to "is this history genuine and complete?". `checkpoint` is None when its signature is not valid."""

    is_complete: bool
    lines: int
    count: int
    checkpoint: Checkpoint | None
    problem: Problem | None


class IncomparableError(Exception):
    """The checkpoint known from elsewhere has another size than the file's, so the two cannot be compared without a proof."""


def verify_history(history: History, *, key: VerifierKey | None = None, published: str | None = None) -> Answer:
    """Follows the procedure. `key` overrides the file's; `published` is a signed checkpoint known from elsewhere.

    Raises IncomparableError when `published` is genuine and has another size than the file's checkpoint.
    """
    checkpoint: Checkpoint | None = None
    statement: Statement | None = None
    step = 1
    try:
        trusted = key or parse_key(history.verifier_key)
        checkpoint = open_checkpoint(history.checkpoint, trusted)
        step = 2
        if published is not None:
            _compare(checkpoint, open_checkpoint(published, trusted))
        step = 3
        statement = open_statement(history.statement, trusted)
        _check_statement(history, statement, checkpoint)
    except NoteError as error:
        return _answer(history, checkpoint, statement, Problem(step, 0, f"{_SUBJECTS[step]}: {error}"))
    return _answer(history, checkpoint, statement, first_bad_line(history, statement, checkpoint))


_SUBJECTS = {
    1: "the checkpoint was altered or is not this log's",
    2: "the log showed another checkpoint elsewhere",
    3: "the signed count was altered or is not of this history",
}


def _answer(history: History, checkpoint: Checkpoint | None, statement: Statement | None, problem: Problem | None) -> Answer:
    return Answer(problem is None, len(history.lines), statement.count if statement else 0, checkpoint, problem)


def _compare(checkpoint: Checkpoint, published: Checkpoint) -> None:
    if published.size != checkpoint.size:
        raise IncomparableError(f"the file is at size {checkpoint.size}, the published checkpoint at size {published.size}")
    if published.root != checkpoint.root:
        raise NoteError("two roots for one size")


def _check_statement(history: History, statement: Statement, checkpoint: Checkpoint) -> None:
    if (statement.record, statement.view, statement.holder) != (history.record, history.view, history.holder):
        raise NoteError("it is about another record, view or holder")
    if statement.checkpoint != name_checkpoint(checkpoint):
        raise NoteError("it names another checkpoint")
    if statement.names != digest_names(history.names):
        raise NoteError("the table of names was altered")


def first_bad_line(history: History, statement: Statement, checkpoint: Checkpoint, *, start: int = 0) -> Problem | None:
    """Steps 4 and 5; None when all is well. `start` lines were verified before and are passed over."""
    has_too_many = len(history.lines) > statement.count
    for position, line in enumerate(history.lines[start:], start + 1):
        event = read_event(line.payload)
        if not _is_genuine(line, event, history, checkpoint):
            happened = "was added" if has_too_many else "was altered"
            return Problem(4, position, f"event {position} {happened}: {_name(event, history)}")
        if line.number < position:
            return Problem(4, position, f"event {line.number} was added a second time: {_name(event, history)}")
        if line.number > position:
            return Problem(4, position, f"event {position} was left out: event {line.number} stands in its place")
        if position > statement.count:
            return Problem(5, position, f"event {position} was added: the log counts {statement.count}")
    if len(history.lines) < statement.count:
        position = len(history.lines) + 1
        return Problem(5, position, f"event {position} was left out: the log counts {statement.count}")
    return None


def _is_genuine(line: Line, event: Mapping[str, Any], history: History, checkpoint: Checkpoint) -> bool:
    leaf = line.leaf
    try:
        leaf_hash = leaf.hash()
    except ValueError:
        return False
    return (
        opens(leaf.commitment, line.salt, line.payload.encode(errors="surrogatepass"))
        and (event.get("kind"), event.get("time")) == (leaf.kind, leaf.time)
        and event.get("record") == history.record
        and opens_view(leaf.views, line.opening, history.record, history.view, line.number)
        and proves_inclusion(leaf_hash, line.index, checkpoint.size, line.proof, checkpoint.root)
    )


def read_event(payload: str) -> dict[str, Any]:
    """The event of its canonical text; empty when the text is not a JSON object."""
    try:
        event = json.loads(payload)
    except (ValueError, RecursionError):
        return {}
    return event if isinstance(event, dict) else {}


def _name(event: Mapping[str, Any], history: History) -> str:
    return name_act(event, history.names, history.holder) if event else "its text cannot be read"
