"""What a professional writes in words: why, or what shows it. Kept as written, so it is bounded and of one line."""

from __future__ import annotations

from carnet_identity.domain.broken_rule import BrokenRule

LONGEST_TEXT = 500


def parse_text(value: str, *, field: str) -> str:
    """The text without the blanks around it.

    Raises:
        BrokenRule: INVALID_FIELD, for none, for more than 500 characters, for control characters.
    """
    text = value.strip()
    if not text or len(text) > LONGEST_TEXT:
        raise BrokenRule(field, f"required, at most {LONGEST_TEXT} characters")
    if not text.isprintable():
        raise BrokenRule(field, "a text is one line without control characters")
    return text
