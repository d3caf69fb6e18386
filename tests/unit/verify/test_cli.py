"""The command as a person runs it."""

from pathlib import Path

import pytest
from carnet_verify.cli import main
from carnet_verify.history import UnreadableError, read_history, write_history
from carnet_verify.verify import verify_history
from unit.verify.histories import SIGNER, make_log

LOG = make_log(58)
FILE = write_history(LOG.history).encode()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "my-history.json"
    path.write_bytes(FILE)
    return path


def test_a_genuine_file_is_told_in_one_line(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", str(file), "--key", str(SIGNER.verifier_key())]) == 0
    assert capsys.readouterr().out == "58 of 58 events genuine, none left out, up to checkpoint 61 signed 12:04:56\n"


def test_a_key_from_the_file_itself_is_told(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", str(file)]) == 0
    assert f"compare it with the published one: {SIGNER.verifier_key()}" in capsys.readouterr().out


def test_key_and_checkpoint_come_from_files(file: Path, tmp_path: Path) -> None:
    key, checkpoint = tmp_path / "log.pub", tmp_path / "checkpoint"
    key.write_text(f"{SIGNER.verifier_key()}\n")
    checkpoint.write_text(LOG.history.checkpoint)
    assert main(["verify", str(file), "--key", str(key), "--checkpoint", str(checkpoint)]) == 0


def test_an_altered_event_is_named(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A1: the file with one byte changed in event 45."""
    lines = FILE.split(b"\n")
    lines[45] = lines[45].replace("Médicale".encode(), b"Medicale")
    file.write_bytes(b"\n".join(lines))
    assert main(["verify", str(file)]) == 1
    assert capsys.readouterr().out == "event 45 was altered: Dr Bruno EXEMPLE, read\n"


def test_lines_are_shown_from_the_events_themselves(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", str(file), "--lines", "--language", "fr"]) == 0
    first = capsys.readouterr().out.splitlines()[2]
    assert first == (
        "    1  21/11/2026 à 12:00:01 : Dr Bruno EXEMPLE (médecin), pour Hôpital de la Fontaine, avec le logiciel du cabinet, "
        "a lu « Synthèse Médicale ». Si vous ne le souhaitez plus, vous pouvez bloquer cette personne dans vos réglages."
    )


def test_what_cannot_be_read_gives_two(file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    broken = tmp_path / "broken.json"
    broken.write_bytes(FILE.replace(b'"index":', b'"index"', 1))
    published = tmp_path / "published"
    published.write_text(make_log(3).history.checkpoint)
    assert main(["verify", str(broken)]) == 2
    assert "near event 1" in capsys.readouterr().err
    assert main(["verify", str(tmp_path / "absent.json")]) == 2
    assert main(["verify", str(file), "--key", "not+a+key"]) == 2
    assert main(["verify", str(file), "--checkpoint", str(published)]) == 2


@pytest.mark.parametrize("place", ['"names":{"professionals/b', '"professionals/b":"', '"verifier_key":"', '"holder":"', '"statement":"'])
def test_half_a_character_anywhere_around_the_lines_cannot_be_read(file: Path, place: str, capsys: pytest.CaptureFixture[str]) -> None:
    file.write_bytes(FILE.replace(place.encode(), place.encode() + b"\\ud800", 1))
    assert main(["verify", str(file)]) == 2
    assert "a text is not Unicode" in capsys.readouterr().err


SHORT = make_log(2, others_between=1).history


def test_any_changed_byte_of_the_file_is_found() -> None:
    """A1, on the file: each byte of a short history changed in one bit (all eight of some); no other history passes."""
    data = write_history(SHORT).encode()
    for place in range(len(data)):
        for bit in range(8) if place % 97 == 0 else (place % 7,):
            changed = data[:place] + bytes([data[place] ^ 1 << bit]) + data[place + 1 :]
            assert not passes_as_another(changed), (place, bit)


def passes_as_another(data: bytes) -> bool:
    """Is this file accepted, and does it tell anything else than the genuine one?"""
    try:
        history = read_history(data)
    except UnreadableError:
        return False
    told = ("lines", "names", "record", "view", "holder")
    is_same = all(getattr(history, part) == getattr(SHORT, part) for part in told)
    return verify_history(history, key=SIGNER.verifier_key()).is_complete and not is_same
