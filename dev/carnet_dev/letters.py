"""The letters that the development mail server wrote, read back as a mail program would."""

from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path


def letters_to(folder: Path, address: str) -> list[EmailMessage]:
    """The letters to `address` in the order in which they came; none where no mail server of this machine writes."""
    read = [message_from_bytes(file.read_bytes(), policy=policy.default) for file in sorted(folder.glob("*.eml"))]
    return [letter for letter in read if letter["To"] == address]
