"""Mail addresses as they are taken here: a dot-atom at a domain name (RFC 5321, 4.1.2), and nothing that could become a header.

Refused, though a mail server may know them: quoted local parts, addresses at a number (`[192.0.2.1]`), local parts that are not ASCII.
A domain name in letters of any script is kept in its ASCII form (IDNA). The standard library knows IDNA of 2003, which differs from that
of 2008 where it would reach another domain in four characters; names with one of these are refused, and so is what is no letter, digit
or mark.
"""

from __future__ import annotations

import re
import unicodedata

from carnet_identity.domain.broken_rule import BrokenRule

LONGEST = 254
"""RFC 5321, 4.5.3.1.3: a path of 256 with its brackets."""
_LONGEST_LOCAL_PART = 64
_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LOCAL_PART = re.compile(rf"{_ATOM}(?:\.{_ATOM})*")
_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
# Sharp s, final sigma, the two joiners: IDNA 2003 writes another name for these than IDNA 2008 (Unicode TS 46, 7).
_DEVIATING = frozenset("\u00df\u1e9e\u03c2\u200c\u200d")
_IN_A_NAME = frozenset({"Ll", "Lu", "Lo", "Lm", "Mn", "Mc", "Nd"})


def parse_mail_address(text: str, field: str = "address") -> str:
    """The address in ASCII, its domain in lower case; a BrokenRule of `field` otherwise, which never tells the address."""
    if not text:
        raise BrokenRule(field, "required: a mail address")
    if len(text) > LONGEST:
        raise BrokenRule(field, f"at most {LONGEST} characters")
    if any(unicodedata.category(character) in {"Cc", "Zl", "Zp"} for character in text):
        raise BrokenRule(field, "no control character and no line break")
    local_part, at, domain = text.rpartition("@")
    if not at or not _LOCAL_PART.fullmatch(local_part):
        raise BrokenRule(field, "must be name@domain, the name of ASCII letters, digits, !#$%&'*+/=?^_`{|}~- and single dots")
    if len(local_part) > _LONGEST_LOCAL_PART:
        raise BrokenRule(field, f"at most {_LONGEST_LOCAL_PART} characters before the @")
    address = f"{local_part}@{_domain(domain, field)}"
    if len(address) > LONGEST:
        raise BrokenRule(field, f"at most {LONGEST} characters, the domain written in ASCII")
    return address


def shown(address: str) -> str:
    """The address shortened for display: the first character before the @, and the domain."""
    local_part, _, domain = address.rpartition("@")
    return f"{local_part[:1]}…@{domain}"


def mailbox(address: str) -> str:
    """What is counted as one mailbox: in lower case, without the detail after a `+` that most providers ignore (RFC 5233)."""
    local_part, _, domain = address.rpartition("@")
    return f"{local_part.partition('+')[0].lower()}@{domain}"


def _domain(name: str, field: str) -> str:
    rule = "the part after the @ must be a domain name with a dot"
    if any(character in _DEVIATING or not _may_stand(character) for character in name):
        raise BrokenRule(field, rule)
    try:
        labels = name.encode("idna").decode("ascii").lower().split(".")
    except UnicodeError:
        raise BrokenRule(field, rule) from None
    is_number = labels[-1].isdigit()
    if len(labels) < 2 or is_number or not all(_LABEL.fullmatch(label) for label in labels):  # noqa: PLR2004 - a name and what it is in
        raise BrokenRule(field, rule)
    return ".".join(labels)


def _may_stand(character: str) -> bool:
    return character in "-." or unicodedata.category(character) in _IN_A_NAME
