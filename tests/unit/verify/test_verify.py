"""The procedure on genuine and on damaged histories."""

import random
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
from carnet_verify.checkpoint import Checkpoint, open_checkpoint
from carnet_verify.history import History, Line, read_history, write_history
from carnet_verify.leaf import Leaf
from carnet_verify.note import Signer, parse_key
from carnet_verify.statement import Statement, digest_names, name_checkpoint, open_statement
from carnet_verify.verify import IncomparableError, Problem, first_bad_line, verify_history
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from unit.verify.histories import HOLDER, NAMES, OTHER_RECORD, RECORD, SIGNER, MadeLog, make_log, payload

LOG = make_log(64)
FLIPPED = bytes([1]) + bytes(31)


def flip(value: bytes, place: int = 0) -> bytes:
    return value[:place] + bytes([value[place] ^ 1]) + value[place + 1 :]


def damage_line(line: Line) -> Iterator[Line]:
    """Every part of a line, changed by one bit or one step."""
    leaf = line.leaf
    for place in range(len(line.payload)):
        yield replace(line, payload=line.payload[:place] + chr(ord(line.payload[place]) ^ 1) + line.payload[place + 1 :])
    for place in range(32):
        yield replace(line, salt=flip(line.salt, place))
        yield replace(line, opening=flip(line.opening, place))
        yield replace(line, leaf=replace(leaf, origin=flip(leaf.origin, place)))
        yield replace(line, leaf=replace(leaf, commitment=flip(leaf.commitment, place)))
        yield replace(line, leaf=replace(leaf, views=(flip(leaf.views[0], place), leaf.views[1])))
        yield replace(line, leaf=replace(leaf, views=(leaf.views[0], flip(leaf.views[1], place))))
    for node in range(len(line.proof)):
        yield replace(line, proof=(*line.proof[:node], flip(line.proof[node], node % 32), *line.proof[node + 1 :]))
        yield replace(line, proof=(*line.proof[:node], *line.proof[node + 1 :]))
        yield replace(line, proof=(*line.proof[:node], line.proof[node], *line.proof[node:]))
    yield replace(line, leaf=replace(leaf, kind="document.deposited"))
    yield replace(line, leaf=replace(leaf, time=leaf.time.replace("2026", "2027")))
    yield replace(line, leaf=replace(leaf, views=()))
    yield replace(line, leaf=replace(leaf, views=leaf.views[::-1]))
    yield from (replace(line, number=line.number + step) for step in (1, -1, 1000, -line.number))
    yield from (replace(line, index=line.index + step) for step in (1, -1, 1 << 40))


def found_at(history: History) -> tuple[int, str]:
    answer = verify_history(history)
    assert answer.problem is not None
    assert not answer.is_complete
    return answer.problem.position, answer.problem.words


def with_lines(*lines: Line) -> History:
    return replace(LOG.history, lines=tuple(lines))


def test_a_genuine_history_is_genuine_and_complete() -> None:
    answer = verify_history(LOG.history, key=SIGNER.verifier_key(), published=LOG.history.checkpoint)
    assert (answer.is_complete, answer.lines, answer.count, answer.problem) == (True, 64, 64, None)
    assert answer.checkpoint == LOG.checkpoint


def test_a_history_is_found_again_from_its_file() -> None:
    assert read_history(write_history(LOG.history).encode()) == LOG.history


@pytest.mark.parametrize("view", ["patient", "representatives"])
def test_each_view_is_verified_by_its_own_numbers(view: str) -> None:
    made = make_log(5, view=view)
    assert verify_history(made.history).is_complete
    other = "patient" if view == "representatives" else "representatives"
    assert not verify_history(replace(made.history, view=other)).is_complete


def test_an_empty_history_is_complete_only_when_the_log_counts_nothing() -> None:
    assert verify_history(make_log(0, others_between=0).history).is_complete is True
    assert found_at(with_lines())[0] == 1


def test_any_change_of_any_part_of_any_event_is_found_and_named() -> None:
    """A1: flip, exhaustively, on 64 events: every part of every line, and each bit-string of the first lines whole."""
    lines = LOG.history.lines
    for place, line in enumerate(lines):
        for step, damaged in enumerate(damage_line(line)):
            if place >= 2 and step % 23 != place % 23:
                continue
            position, words = found_at(with_lines(*lines[:place], damaged, *lines[place + 1 :]))
            assert position == place + 1
            assert words.startswith(f"event {place + 1} was altered")


def test_every_deletion_is_found_and_named() -> None:
    """A1 and A8: one event left out, each in turn."""
    lines = LOG.history.lines
    for place in range(64):
        position, words = found_at(with_lines(*lines[:place], *lines[place + 1 :]))
        assert position == place + 1
        assert words.startswith(f"event {place + 1} was left out")


def test_every_swap_is_found_and_named() -> None:
    """A1: each pair of events exchanged."""
    lines = list(LOG.history.lines)
    for one in range(64):
        for other in range(one + 1, 64):
            swapped = lines.copy()
            swapped[one], swapped[other] = swapped[other], swapped[one]
            assert found_at(with_lines(*swapped))[0] == one + 1


def test_every_truncation_is_found_and_named() -> None:
    """A1: the end cut off, at each place."""
    for length in range(64):
        position, words = found_at(with_lines(*LOG.history.lines[:length]))
        assert position == length + 1
        assert words == f"event {length + 1} was left out: the log counts 64"


def test_every_duplicate_is_found_and_named() -> None:
    """A1: each event repeated, right after itself and at the end."""
    lines = LOG.history.lines
    for place, line in enumerate(lines):
        position, words = found_at(with_lines(*lines[: place + 1], line, *lines[place + 1 :]))
        assert (position, words) == (place + 2, f"event {place + 1} was added a second time: Dr Bruno EXEMPLE, read")
        assert found_at(with_lines(*lines, line))[0] == 65


def test_every_insertion_is_found_and_named() -> None:
    """A1: a genuine event of another record, and an invented one, at each place."""
    lines = LOG.history.lines
    foreign = LOG.others[3]
    for place in range(65):
        for line in (replace(foreign, number=place + 1), foreign, replace(lines[0], payload=payload(9), number=place + 1)):
            position, words = found_at(with_lines(*lines[:place], line, *lines[place:]))
            assert position == place + 1
            assert words.startswith(f"event {place + 1} was added")


def random_damage(made: MadeLog, chance: random.Random) -> tuple[History, int]:
    """One random damage and the place of the first line it makes wrong."""
    lines = list(made.history.lines)
    place = chance.randrange(len(lines))
    choice = chance.randrange(6)
    if choice == 0:
        lines[place] = chance.choice(list(damage_line(lines[place])))
    elif choice == 1:
        del lines[place]
    elif choice == 2:
        other = chance.choice([index for index in range(len(lines)) if index != place])
        lines[place], lines[other] = lines[other], lines[place]
        place = min(place, other)
    elif choice == 3:
        del lines[place:]
    elif choice == 4:
        lines.insert(place + 1, lines[place])
        place += 1
    else:
        lines.insert(place, chance.choice(made.others))
    return replace(made.history, lines=tuple(lines)), place + 1


def test_two_hundred_random_damages_to_five_thousand_events_are_found() -> None:
    """A1: 200 random on 5 000 events.

    The whole genuine file is verified once; each damage on the file up to just behind it, its untouched beginning left out of the
    count of what is looked at again (the procedure reads in order and stops at the first bad line).
    """
    made = replace(make_log(5000, others_between=0), others=make_log(8).others)
    assert verify_history(made.history).is_complete
    chance = random.Random(6962)
    for _ in range(200):
        history, place = random_damage(made, chance)
        problem = _first_bad_line_near(history, place)
        assert problem is not None
        assert problem.position == place


def _first_bad_line_near(history: History, place: int) -> Problem | None:
    """The answer for the whole file, if every line before the last hundred in front of `place` is genuine, as they are."""
    key = parse_key(history.verifier_key)
    statement, checkpoint = open_statement(history.statement, key), open_checkpoint(history.checkpoint, key)
    return first_bad_line(history, statement, checkpoint, start=max(0, place - 100))


def statement_of(history: History, **changes: object) -> str:
    base = Statement(RECORD, "patient", HOLDER, 64, digest_names(NAMES), name_checkpoint(LOG.checkpoint))
    return replace(base, **changes).sign(SIGNER) if changes else history.statement  # type: ignore[arg-type]


@pytest.mark.parametrize(("count", "position"), [(65, 65), (100, 65), (63, 64), (0, 1)])
def test_a_later_or_smaller_count_names_the_number(count: int, position: int) -> None:
    """A8: a history with a later count fails and names the number that is missing."""
    history = replace(LOG.history, statement=statement_of(LOG.history, count=count))
    found, words = found_at(history)
    assert found == position
    assert words.endswith(f"the log counts {count}")


OTHER_CHECKPOINT = Checkpoint("carnet/log/0", 192, bytes(32), 62, "2026-11-21T11:04:57Z")
FORGER = Signer("carnet/log/0", Ed25519PrivateKey.from_private_bytes(bytes(32)))
WHOLE: list[tuple[str, int, Callable[[History], History]]] = [
    ("another record in the head", 3, lambda h: replace(h, record=OTHER_RECORD)),
    ("another view in the head", 3, lambda h: replace(h, view="representatives")),
    ("another holder in the head", 3, lambda h: replace(h, holder="patients/evil")),
    ("a statement of another holder", 3, lambda h: replace(h, statement=statement_of(h, holder="patients/evil"))),
    ("a changed name", 3, lambda h: replace(h, names={**NAMES, "professionals/b": "Dr Alice UNTEL"})),
    ("a name more", 3, lambda h: replace(h, names={**NAMES, "professionals/c": "Dr Alice UNTEL"})),
    ("a name less", 3, lambda h: replace(h, names={})),
    ("a statement of another record", 3, lambda h: replace(h, statement=statement_of(h, record=OTHER_RECORD))),
    ("a statement at another checkpoint", 3, lambda h: replace(h, statement=statement_of(h, checkpoint=name_checkpoint(OTHER_CHECKPOINT)))),
    ("an unsigned statement", 3, lambda h: replace(h, statement=h.statement.replace("count 64", "count 65"))),
    ("an unsigned checkpoint", 1, lambda h: replace(h, checkpoint=h.checkpoint.replace("number 61", "number 62"))),
    ("a checkpoint by another key", 1, lambda h: replace(h, checkpoint=LOG.checkpoint.sign(FORGER))),
    ("a malformed key", 1, lambda h: replace(h, verifier_key="key")),
    ("another key", 1, lambda h: replace(h, verifier_key=str(FORGER.verifier_key()))),
    ("another checkpoint, signed", 3, lambda h: replace(h, checkpoint=OTHER_CHECKPOINT.sign(SIGNER))),
]


@pytest.mark.parametrize(("step", "damage"), [row[1:] for row in WHOLE], ids=[row[0] for row in WHOLE])
def test_a_change_of_what_surrounds_the_lines_is_found_at_its_step(step: int, damage: Callable[[History], History]) -> None:
    answer = verify_history(damage(LOG.history))
    assert answer.problem is not None
    assert (answer.problem.step, answer.problem.position) == (step, 0)


def test_a_whole_file_forged_under_another_key_fails_under_the_published_key() -> None:
    forged = replace(
        LOG.history,
        verifier_key=str(FORGER.verifier_key()),
        checkpoint=LOG.checkpoint.sign(FORGER),
        statement=Statement(RECORD, "patient", HOLDER, 64, digest_names(NAMES), name_checkpoint(LOG.checkpoint)).sign(FORGER),
    )
    assert verify_history(forged).is_complete, "the file agrees with itself"
    answer = verify_history(forged, key=SIGNER.verifier_key())
    assert answer.problem is not None
    assert answer.problem.step == 1


def test_another_root_for_the_same_size_is_found_against_a_published_checkpoint() -> None:
    """A2 and A3: rolled back, or shown differently elsewhere."""
    published = OTHER_CHECKPOINT.sign(SIGNER)
    answer = verify_history(LOG.history, published=published)
    assert answer.problem is not None
    assert answer.problem.step == 2


def test_checkpoints_of_two_sizes_are_not_compared() -> None:
    published = replace(LOG.checkpoint, size=191).sign(SIGNER)
    with pytest.raises(IncomparableError):
        verify_history(LOG.history, published=published)


def test_a_payload_that_is_not_an_event_is_named_as_unreadable() -> None:
    lines = LOG.history.lines
    for text in ("", "[]", "{", "[" * 100_000):
        words = found_at(with_lines(replace(lines[0], payload=text), *lines[1:]))[1]
        assert words == "event 1 was altered: its text cannot be read"


def test_a_leaf_that_says_another_kind_than_its_text_is_no_genuine_line() -> None:
    line = LOG.history.lines[0]
    leaf = Leaf("document.deposited", line.leaf.time, line.leaf.origin, line.leaf.commitment, line.leaf.views)
    assert found_at(with_lines(replace(line, leaf=leaf), *LOG.history.lines[1:]))[0] == 1
