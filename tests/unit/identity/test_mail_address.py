"""Mail addresses: which are taken, in which form, and that nothing passes by which a header could be made (RFC 5321, 4.1.2)."""

import string

import pytest
from carnet_identity.domain.broken_rule import BrokenRule
from carnet_identity.domain.mail_address import LONGEST, mailbox, parse_mail_address, shown
from hypothesis import assume, given
from hypothesis import strategies as st

ATOMS = st.text(string.ascii_letters + string.digits + "!#$%&'*+/=?^_`{|}~-", min_size=1, max_size=12)
LOCAL_PARTS = st.lists(ATOMS, min_size=1, max_size=4).map(".".join).filter(lambda text: len(text) <= 64)
LABELS = st.from_regex(r"\A[a-z0-9](?:[a-z0-9-]{0,20}[a-z0-9])?\Z").filter(lambda label: "--" not in label)
DOMAINS = st.builds(
    lambda labels, top: ".".join([*labels, top]), st.lists(LABELS, min_size=1, max_size=3), st.sampled_from(["fr", "example"])
)


@given(LOCAL_PARTS, DOMAINS)
def test_every_dot_atom_at_a_domain_name_is_taken_as_it_is(local_part: str, domain: str) -> None:
    address = f"{local_part}@{domain}"
    assert parse_mail_address(address) == address
    assert parse_mail_address(f"{local_part}@{domain.upper()}") == address, "a domain name has no case"


@given(st.text(max_size=80))
def test_whatever_is_taken_is_one_printable_ascii_word_of_bounded_length_with_one_domain(text: str) -> None:
    try:
        address = parse_mail_address(text)
    except BrokenRule:
        return
    assert address.isascii()
    assert address.isprintable()
    assert not set(address) & set(' \t\r\n<>()[],;:\\"')
    assert len(address) <= LONGEST
    assert "." in address.rpartition("@")[2]


@given(LOCAL_PARTS, DOMAINS, st.sampled_from(["\r\n", "\n", "\r", "\0", "\x0b", "\u2028", "\u2029", "\x85", "\t"]), st.data())
def test_a_line_break_anywhere_is_refused(local_part: str, domain: str, broken: str, data: st.DataObject) -> None:
    address = f"{local_part}@{domain}"
    place = data.draw(st.integers(0, len(address)))
    with pytest.raises(BrokenRule):
        parse_mail_address(f"{address[:place]}{broken}Bcc: x@example.org{address[place:]}")


@given(st.text(st.characters(categories=["Ll", "Lu", "Lo"]), min_size=1, max_size=20))
def test_a_domain_name_in_any_script_is_kept_in_ascii_and_is_stable(label: str) -> None:
    try:
        address = parse_mail_address(f"a@{label}.example")
    except BrokenRule:
        return
    assert address.isascii()
    assert parse_mail_address(address) == address


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("dominique@exämple.example", "dominique@xn--exmple-cua.example"),
        ("dominique@中文.example", "dominique@xn--fiq228c.example"),
        ("Dominique.X+carnet@Example.ORG", "Dominique.X+carnet@example.org"),
        ("o'brien@example.org", "o'brien@example.org"),
    ],
)
def test_the_domain_is_written_in_ascii_and_the_rest_is_kept(given: str, kept: str) -> None:
    assert parse_mail_address(given) == kept


@pytest.mark.parametrize(
    "address",
    [
        "",
        "dominique",
        "@example.org",
        "dominique@",
        "dominique@localhost",
        "dominique@[192.0.2.1]",
        "dominique@192.0.2.1",
        "dominique@example..org",
        "dominique@example.org.",
        "dominique@-example.org",
        "dominique@exa_mple.org",
        ".dominique@example.org",
        "dominique.@example.org",
        "domi..nique@example.org",
        '"domi nique"@example.org',
        "domi nique@example.org",
        " dominique@example.org",
        "dominique@example.org ",
        "Dominique <dominique@example.org>",
        "dominique@example.org,other@example.org",
        "a@b@example.org",
        "dominiqué@example.org",
        "dominique@faß.example",
        "dominique@βόλος.example",
        "dominique@exam\u200dple.example",
        "dominique@☃.example",
        "dominique@example。org",
        f"{'a' * 65}@example.org",
        f"a@{'b' * 64}.example",
        f"a@{'.'.join(['b' * 60] * 5)}.example",
    ],
)
def test_what_is_no_such_address_is_refused_and_not_quoted(address: str) -> None:
    with pytest.raises(BrokenRule) as raised:
        parse_mail_address(address)
    assert raised.value.field == "address"
    assert not address or address not in str(raised.value)


@given(LOCAL_PARTS, DOMAINS)
def test_what_is_shown_tells_one_character_and_the_domain(local_part: str, domain: str) -> None:
    assume(len(local_part) > 1)
    assert shown(f"{local_part}@{domain}") == f"{local_part[0]}…@{domain}"


def test_a_mailbox_is_the_same_in_any_case_and_with_any_detail() -> None:
    assert {mailbox(one) for one in ("Do@example.org", "do@example.org", "do+a@example.org", "DO+b+c@example.org")} == {"do@example.org"}
    assert mailbox("do.x@example.org") != mailbox("dox@example.org")
