"""What the two extracts of the directory have in common: columns found by heading, and values read once for many lines."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from operator import itemgetter

from carnet_identity.domain.broken_rule import BrokenRule

_MOST_REMEMBERED = 20_000
_DAY_FORMS: Mapping[re.Pattern[str], str] = {
    re.compile(r"\d{8}"): "%Y%m%d",
    re.compile(r"\d{4}-\d{2}-\d{2}"): "%Y-%m-%d",
    re.compile(r"\d{2}/\d{2}/\d{4}"): "%d/%m/%Y",
}


class Columns:
    """Where the columns of a file are, by heading."""

    def __init__(self, headings: Sequence[str], required: Sequence[str], optional: Sequence[str] = ()) -> None:
        """Finds the columns; BrokenRule, without a field, names those that are missing or stand twice."""
        names = [heading.strip().strip('"') for heading in headings]
        while names and not names[-1]:  # the published files end their lines with a separator
            names.pop()
        missing = [name for name in required if name not in names]
        if missing:
            raise BrokenRule("", f"the first line lacks the headings {', '.join(missing)}")
        twice = [name for name in (*required, *optional) if names.count(name) > 1]
        if twice:
            raise BrokenRule("", f"the first line has these headings twice: {', '.join(twice)}")
        self._width = len(names)
        # One more, "", stands behind each line for the columns that a file need not have.
        self._pick = itemgetter(*(names.index(name) if name in names else -1 for name in (*required, *optional)))

    def values(self, values: list[str]) -> Iterator[str]:
        """The values of a line without blanks around them: required columns in their order, then optional ones, "" where a file has none.

        Raises:
            BrokenRule: the line has not a value for each heading.
        """
        if len(values) < self._width or any(values[self._width :]):
            raise BrokenRule("", "a line has as many values as there are headings")
        values.append("")
        return map(str.strip, self._pick(values))


def seen_before(parse: Callable[..., str]) -> Callable[[str, str], str]:
    """`parse(value, field=...)` that remembers good values: a hospital's numbers stand in thousands of lines."""
    known: dict[str, str] = {}

    def remembering(value: str, field: str) -> str:
        found = known.get(value)
        if found is None:
            if len(known) >= _MOST_REMEMBERED:
                known.clear()
            known[value] = found = parse(value, field=field)
        return found

    return remembering


def printable(value: str, field: str, longest: int) -> str:
    """A text that can be shown and stored; no-break spaces become blanks."""
    if value and len(value) <= longest and value.isprintable():
        return value
    if not value.isprintable():
        value = value.replace("\N{NO-BREAK SPACE}", " ").replace("\N{NARROW NO-BREAK SPACE}", " ").strip()
    if not value or len(value) > longest or not value.isprintable():
        raise BrokenRule(field, f"a printable text of at most {longest} characters, required")
    return value


def day(value: str, field: str) -> str:
    """A calendar day as YYYYMMDD, from that form, YYYY-MM-DD or DD/MM/YYYY; "" for none."""
    if not value:
        return ""
    for form, pattern in _DAY_FORMS.items():
        if form.fullmatch(value) and value.isascii():
            try:
                return datetime.strptime(value, pattern).strftime("%Y%m%d")  # noqa: DTZ007 - a calendar day has no zone
            except ValueError:
                break
    raise BrokenRule(field, "a day is YYYYMMDD, YYYY-MM-DD or DD/MM/YYYY")
