"""Files that hold a secret: readable by their owner alone, and never half written.

A secret is written beside its place and renamed into it, so a process killed in between leaves either the old file or none.
"""

import os
import secrets
from pathlib import Path


def write_private(path: Path, content: str | bytes, *, mode: int = 0o600) -> None:
    """Put `content` into `path` in one step, with `mode` from its first byte on."""
    path.parent.mkdir(parents=True, exist_ok=True)
    data = content.encode() if isinstance(content, str) else content
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise


def kept_secret(path: Path, *, length: int = 32) -> str:
    """The secret that `path` holds, made on first use: `length` random bytes as hexadecimal digits."""
    if not path.exists():
        write_private(path, secrets.token_hex(length))
    return path.read_text()
