"""Names and dates of persons, and the ways in which people write them (Hypothesis)."""

from datetime import date

from hypothesis import strategies as st

TODAY = date(2026, 11, 22)
_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_ACCENTS = ["\u0300", "\u0301", "\u0302", "\u0308", "\u0327"]


@st.composite
def names(draw: st.DrawFn, most_words: int = 2) -> str:
    """A name as registered: words of A-Z between hyphens or apostrophes; no blank, which parts the names of a list."""
    words = draw(st.lists(st.text(_LETTERS, min_size=1, max_size=8), min_size=1, max_size=most_words))
    return draw(st.sampled_from("-'")).join(words)


@st.composite
def rewritten(draw: st.DrawFn, name: str) -> str:
    """The same name with other blanks, hyphens, apostrophes, case, accents and ligatures."""
    between = draw(st.sampled_from([" ", "-", "'", "\u2019", " - ", "\u2010"]))
    text = name.replace("-", between).replace("'", between) if draw(st.booleans()) else name
    text = text.replace("OE", "\u0152").replace("AE", "\u00c6") if draw(st.booleans()) else text
    accented = "".join(letter + draw(st.sampled_from(["", *_ACCENTS])) if letter.isalpha() else letter for letter in text)
    return draw(st.sampled_from([str.upper, str.lower, str.title]))(accented)


@st.composite
def _dates(draw: st.DrawFn) -> str:
    day = draw(st.dates(date(1900, 1, 1), date(2015, 12, 31)))
    unknown = draw(st.sampled_from(["nothing", "day", "month"]))
    text = f"{day:%Y%m%d}"
    return {"nothing": text, "day": text[:6] + "00", "month": text[:4] + "0000"}[unknown]


BIRTH_DATES = _dates()
"""YYYYMMDD, of which the day or the month too may be unknown."""


@st.composite
def possible_days(draw: st.DrawFn, birth_date: str) -> str:
    """A day that somebody of this date may have been born on."""
    year, month, day = birth_date[:4], birth_date[4:6], birth_date[6:]
    if month == "00":
        month = f"{draw(st.integers(1, 12)):02}"
    if day == "00":
        day = f"{draw(st.integers(1, 28)):02}"
    return year + month + day
