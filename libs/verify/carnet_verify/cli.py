"""The command `carnet-audit verify FILE`: is this history genuine and complete? Offline; asks nobody anything.

Exit code 0: genuine and complete. 1: not; the first problem is told. 2: the question could not be answered (a file cannot
be read, a key is malformed, the two checkpoints cannot be compared).
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from carnet_verify.history import LANGUAGES, History, UnreadableError, read_history
from carnet_verify.note import NoteError, VerifierKey, parse_key
from carnet_verify.verify import Answer, IncomparableError, read_event, verify_history
from carnet_verify.words import put_into_words, show_time

GENUINE, NOT_GENUINE, UNREADABLE = 0, 1, 2
"""The exit codes."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command; gives its exit code."""
    options = _parser().parse_args(arguments)
    try:
        history = read_history(options.file.read_bytes())
        key = _read_key(options.key) if options.key else None
        published = options.checkpoint.read_text(encoding="utf-8") if options.checkpoint else None
        answer = verify_history(history, key=key, published=published)
    except UnreadableError as error:
        where = f" near event {error.line}" if error.line else ""
        return _fail(f"{options.file} cannot be read as a history{where}: {error}")
    except NoteError as error:
        return _fail(f"the verifier key cannot be read: {error}")
    except IncomparableError as error:
        return _fail(f"the checkpoints cannot be compared: {error}")
    except (OSError, UnicodeDecodeError) as error:
        return _fail(f"a file cannot be read: {error}")
    _say(tell(answer))
    if not answer.is_complete:
        return NOT_GENUINE
    if key is None:
        _say(f"the key came from the file itself; compare it with the published one: {history.verifier_key}")
    if options.lines:
        _show_lines(history, options.language or history.language)
    return GENUINE


def tell(answer: Answer) -> str:
    """The answer in one line."""
    if answer.problem is not None or answer.checkpoint is None:
        return answer.problem.words if answer.problem else "the checkpoint was altered"
    signed = show_time(answer.checkpoint.time, "%H:%M:%S")
    return f"{answer.lines} of {answer.count} events genuine, none left out, up to checkpoint {answer.checkpoint.number} signed {signed}"


def _show_lines(history: History, language: str) -> None:
    for line in history.lines:
        words = put_into_words(read_event(line.payload), history.names, language, holder=history.holder)
        _say(f"{line.number:>5}  {words.text} {words.next_step}")


def _read_key(text: str) -> VerifierKey:
    """The key itself, or the path of a file that holds it."""
    return parse_key(text if "+" in text else Path(text).read_text(encoding="utf-8"))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="carnet-audit", description="Verifies a person's access history, offline.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    verify = commands.add_parser("verify", help="is this history genuine and complete? exit code 0 yes, 1 no, 2 cannot tell")
    verify.add_argument("file", type=Path, help="the exported history")
    verify.add_argument("--key", help="the log's verifier key, or a file that holds it; default: the one in the history")
    verify.add_argument("--checkpoint", type=Path, help="a file with a signed checkpoint known from elsewhere, to compare with")
    verify.add_argument("--lines", action="store_true", help="show every event in words")
    verify.add_argument("--language", choices=LANGUAGES, help="language of the words; default: the history's")
    return parser


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")


def _fail(text: str) -> int:
    sys.stderr.write(text + "\n")
    return UNREADABLE


if __name__ == "__main__":
    raise SystemExit(main())
