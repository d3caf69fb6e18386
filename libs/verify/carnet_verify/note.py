"""C2SP signed notes with Ed25519: a text and signatures under it, and the one-line form of the key that verifies it.

    text, which ends in a newline
    (an empty line)
    — <key name> <base64 of the 4-byte key id and the 64-byte signature>

A verifier key is `<name>+<key id in hex>+<base64 of 0x01 and the 32-byte public key>`. The key id is the beginning of
SHA-256(name || 0x0A || 0x01 || public key). Signatures by unknown keys are passed over, as the specification asks.
Base64 that is not in its canonical form is refused, so that no two texts stand for one signature.
"""

import base64
import binascii
import hashlib
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

_ED25519 = b"\x01"
_ID_BYTES = 4
_KEY_BYTES = 32


class NoteError(ValueError):
    """A text is not a note, or a key not a verifier key."""


@dataclass(frozen=True)
class VerifierKey:
    """The public half of a log's key, under its name."""

    name: str
    public: bytes

    def key_id(self) -> bytes:
        """The 4 bytes that signatures carry."""
        return hashlib.sha256(self.name.encode() + b"\n" + _ED25519 + self.public).digest()[:_ID_BYTES]

    def __str__(self) -> str:
        return f"{self.name}+{self.key_id().hex()}+{encode_base64(_ED25519 + self.public)}"

    def text_of(self, note: str) -> str:
        """The text of a note that this key signed. Raises NoteError when it did not sign it or the note is malformed."""
        text, signatures = split_note(note)
        for name, blob in signatures:
            if name == self.name and blob[:_ID_BYTES] == self.key_id():
                try:
                    Ed25519PublicKey.from_public_bytes(self.public).verify(blob[_ID_BYTES:], text.encode())
                except (InvalidSignature, ValueError) as error:
                    raise NoteError("the signature is not valid") from error
                return text
        raise NoteError("no signature by this key")


@dataclass(frozen=True)
class Signer:
    """The private half of a log's key. `private` never appears in a representation."""

    name: str
    private: Ed25519PrivateKey

    def sign(self, text: str) -> str:
        """The note that holds `text`, which must end in a newline."""
        if not text.endswith("\n") or "\n\n" in text:
            raise NoteError("a note's text ends in a newline and has no empty line")
        blob = self.verifier_key().key_id() + self.private.sign(text.encode())
        return f"{text}\n\u2014 {self.name} {encode_base64(blob)}\n"

    def verifier_key(self) -> VerifierKey:
        """The key that verifies what this one signs."""
        return VerifierKey(check_name(self.name), self.private.public_key().public_bytes_raw())


def parse_key(text: str) -> VerifierKey:
    """The key of its one-line form. Raises NoteError when it is malformed or its id does not fit."""
    parts = text.strip().split("+", 2)
    if len(parts) != 3:  # noqa: PLR2004 - name, id, key
        raise NoteError("a verifier key has three parts")
    blob = decode_base64(parts[2])
    if len(blob) != 1 + _KEY_BYTES or blob[:1] != _ED25519:
        raise NoteError("not an Ed25519 verifier key")
    key = VerifierKey(check_name(parts[0]), blob[1:])
    if parts[1] != key.key_id().hex():
        raise NoteError("the key's id does not fit it")
    return key


def split_note(note: str) -> tuple[str, list[tuple[str, bytes]]]:
    """The text of a note and its (key name, key id and signature). Raises NoteError when it is malformed."""
    text, found, rest = note.rpartition("\n\n")
    if not found or not rest.endswith("\n"):
        raise NoteError("a note has a text, an empty line and signatures")
    signatures = []
    for line in rest[:-1].split("\n"):
        parts = line.split(" ")
        if len(parts) != 3 or parts[0] != "\u2014":  # noqa: PLR2004 - dash, name, signature
            raise NoteError("a signature line is malformed")
        signatures.append((check_name(parts[1]), decode_base64(parts[2])))
    return text + "\n", signatures


def check_name(name: str) -> str:
    """A key's name: not empty, without spaces or plus. Raises NoteError otherwise."""
    if not name or "+" in name or any(character.isspace() for character in name):
        raise NoteError("a key's name is not empty and has no space and no plus")
    return name


def encode_base64(data: bytes) -> str:
    """Standard base64 with padding."""
    return base64.b64encode(data).decode()


def decode_base64(text: str) -> bytes:
    """The bytes of canonical standard base64. Raises NoteError for any other spelling."""
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise NoteError("not base64") from error
    if encode_base64(data) != text:
        raise NoteError("not canonical base64")
    return data
