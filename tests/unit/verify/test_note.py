"""Signed notes, checkpoints and statements."""

import pytest
from carnet_verify.checkpoint import Checkpoint, open_checkpoint, parse_body, parse_decimal
from carnet_verify.note import NoteError, Signer, VerifierKey, decode_base64, parse_key
from carnet_verify.statement import Statement, digest_names, name_checkpoint, open_statement
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from unit.verify.histories import SIGNER

KEY = SIGNER.verifier_key()
CHECKPOINT = Checkpoint("carnet/log/0", 12, bytes(32), 61, "2026-11-21T11:04:56Z")
STATEMENT = Statement("records/a", "patient", "patients/p", 58, digest_names({"a": "b"}), name_checkpoint(CHECKPOINT))


def test_the_example_of_the_c2sp_specification_verifies() -> None:
    """The example of https://c2sp.org/signed-note: key name, key and signature by other hands."""
    key = parse_key("PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW")
    note = (
        "If you think cryptography is the answer to your problem,\n"
        "then you don't know what your problem is.\n"
        "\n"
        "\u2014 PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
    )
    assert key.text_of(note).startswith("If you think")


def test_a_key_is_found_again_from_its_line() -> None:
    assert parse_key(str(KEY)) == KEY


@pytest.mark.parametrize("text", ["", "a+b", "a+00000000+AAAA", str(KEY).replace("+", " +"), str(KEY)[:-1], "x" + str(KEY)])
def test_a_line_that_is_not_a_key_is_refused(text: str) -> None:
    with pytest.raises(NoteError):
        parse_key(text)


def test_a_checkpoint_is_found_again_from_its_note() -> None:
    note = CHECKPOINT.sign(SIGNER)
    assert note.startswith(
        "carnet/log/0\n12\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\nnumber 61\ntime 2026-11-21T11:04:56Z\n\n\u2014 carnet/log/0 "
    )
    assert open_checkpoint(note, KEY) == CHECKPOINT


def test_every_changed_character_of_a_signed_checkpoint_is_found() -> None:
    """A1, on the checkpoint itself: each bit of each byte."""
    note = CHECKPOINT.sign(SIGNER).encode()
    for place in range(len(note)):
        for bit in range(8):
            changed = note[:place] + bytes([note[place] ^ 1 << bit]) + note[place + 1 :]
            assert not is_accepted(changed), (place, bit)


def is_accepted(note: bytes) -> bool:
    try:
        return open_checkpoint(note.decode(), KEY) is not None
    except (NoteError, UnicodeDecodeError):
        return False


def test_a_statement_is_found_again_and_is_no_checkpoint() -> None:
    note = STATEMENT.sign(SIGNER)
    assert open_statement(note, KEY) == STATEMENT
    with pytest.raises(NoteError):
        open_checkpoint(note, KEY)
    with pytest.raises(NoteError):
        open_statement(CHECKPOINT.sign(SIGNER), KEY)


def test_another_key_of_the_same_name_does_not_verify() -> None:
    forger = Signer(SIGNER.name, Ed25519PrivateKey.generate())
    with pytest.raises(NoteError, match="no signature by this key"):
        open_checkpoint(CHECKPOINT.sign(forger), KEY)


def test_a_forged_signature_under_the_right_key_id_does_not_verify() -> None:
    note = CHECKPOINT.sign(SIGNER)
    text, _, line = note.rpartition(" ")
    blob = decode_base64(line.strip())
    forged = text.replace("\n12\n", "\n13\n") + " " + line
    assert blob[:4] == KEY.key_id()
    with pytest.raises(NoteError, match="not valid"):
        open_checkpoint(forged, KEY)


def test_signatures_of_witnesses_are_passed_over() -> None:
    witness = Signer("witness.example", Ed25519PrivateKey.generate())
    cosigned = CHECKPOINT.sign(SIGNER) + witness.sign(CHECKPOINT.body()).rpartition("\n\n")[2]
    assert open_checkpoint(cosigned, KEY) == CHECKPOINT


def test_a_checkpoint_of_another_origin_is_refused() -> None:
    other = Checkpoint("carnet/log/1", 12, bytes(32), 1, "t")
    with pytest.raises(NoteError, match="origin"):
        other.sign(SIGNER)
    with pytest.raises(NoteError, match="another log"):
        open_checkpoint(SIGNER.sign(other.body()), KEY)


@pytest.mark.parametrize("text", ["", "a\n1\n", "a\n01\nAAAA\nnumber 1\ntime t\n", "a\n1\nAAAA\nnumber 1\ntime t\n", "a\n1\nAAAA\n1\nt\n"])
def test_a_text_that_is_not_a_checkpoint_is_refused(text: str) -> None:
    with pytest.raises(NoteError):
        parse_body(text)


@pytest.mark.parametrize("text", ["", "-1", "+1", "00", "1_0", "\u0661", "9" * 19])
def test_a_number_has_one_spelling(text: str) -> None:
    with pytest.raises(NoteError):
        parse_decimal(text)


@pytest.mark.parametrize("text", ["AB==", "AA=", "A", "AA==\n", "A A="])
def test_base64_has_one_spelling(text: str) -> None:
    with pytest.raises(NoteError):
        decode_base64(text)


@pytest.mark.parametrize("text", ["no newline", "an\n\nempty line\n"])
def test_a_text_that_would_be_ambiguous_is_not_signed(text: str) -> None:
    with pytest.raises(NoteError):
        SIGNER.sign(text)


@pytest.mark.parametrize("name", ["", "a b", "a+b", "a\u00a0b"])
def test_a_name_that_would_be_ambiguous_is_not_signed_with(name: str) -> None:
    with pytest.raises(NoteError):
        Signer(name, SIGNER.private).sign("text\n")


def test_a_key_of_another_kind_is_refused() -> None:
    key = VerifierKey("a", bytes(31))
    with pytest.raises(NoteError, match="Ed25519"):
        parse_key(str(key))
