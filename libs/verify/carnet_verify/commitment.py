"""The commitment to one event: SHA-256 over 32 random bytes and the event's canonical text.

Promises: whoever holds salt and text can show that this is what was committed to; whoever holds the commitment alone
learns nothing of the text, however few texts are possible. Refuses a salt of any other length, because without a fixed
length the border between salt and text would be open to choice.
"""

import hashlib
import hmac

SALT_BYTES = 32
"""Length of every salt, in bytes."""


def commit(salt: bytes, payload: bytes) -> bytes:
    """The 32-byte commitment to `payload` under `salt` (32 random bytes). Raises ValueError for another salt length."""
    if len(salt) != SALT_BYTES:
        raise ValueError(f"a salt has {SALT_BYTES} bytes")
    return hashlib.sha256(salt + payload).digest()


def opens(commitment: bytes, salt: bytes, payload: bytes) -> bool:
    """Does `salt` and `payload` open `commitment`? A salt of another length opens nothing."""
    return len(salt) == SALT_BYTES and hmac.compare_digest(commit(salt, payload), commitment)
