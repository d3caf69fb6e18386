"""One line of an earlier system's records: what is read from it, by heading, and by which rule it is refused, never told by value."""

from datetime import UTC, datetime

import pytest
from carnet_consent.domain.consent import Switches
from carnet_consent.domain.import_line import Columns, ImportLine
from carnet_consent.domain.refusal import RuleBrokenError
from support.earlier_system import HEADINGS, doctor, hospital, line, practice

COLUMNS = Columns(HEADINGS)


def read(**changed: str) -> ImportLine:
    return COLUMNS.read(line(1, **changed))


def refusal(**changed: str) -> RuleBrokenError:
    with pytest.raises(RuleBrokenError) as raised:
        read(**changed)
    return raised.value


def test_a_day_begins_at_midnight_in_paris_and_ends_with_its_last_instant() -> None:
    found = read(opened="2012-07-01", authorisations=f"{doctor(1)} 2020-03-29 2020-10-25")
    assert found.opened == datetime(2012, 6, 30, 22, tzinfo=UTC)
    (entry,) = found.authorisations
    assert (entry.begin, entry.end) == (datetime(2020, 3, 28, 23, tzinfo=UTC), datetime(2020, 10, 25, 23, tzinfo=UTC))
    assert read(opened="2012-07-01T10:00:00+02:00").opened == datetime(2012, 7, 1, 8, tzinfo=UTC)


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ({}, Switches(dispatch=True, break_glass=True)),
        ({"dispatch": "0"}, Switches(dispatch=False, break_glass=True)),
        ({"break_glass": "0", "masked_documents": "1"}, Switches(dispatch=True, break_glass=False, masked_documents=True)),
        ({"dispatch": "0", "break_glass": "0"}, Switches(dispatch=False, break_glass=False)),
    ],
    ids=repr,
)
def test_an_absent_switch_counts_as_accepted_and_what_widens_it_needs_her_yes(said: dict[str, str], expected: Switches) -> None:
    """rules.md 9, domain.md 3.3."""
    assert read(**said).switches == expected


def test_headings_stand_in_any_order_and_what_is_not_there_is_absent() -> None:
    columns = Columns("opened;ins_authority;ins;evidence_method;evidence_form;evidence_version;evidence_collected_by")
    found = columns.read("2012-03-01;1.2;1;signed;form;2;PATIENT")
    assert (found.ins, found.collected_by, found.switches, found.blocks, found.closed) == ("1", None, Switches(), (), None)


@pytest.mark.parametrize("first", ["", "ins;opened", HEADINGS + ";bloks", HEADINGS + ";blocks", HEADINGS.replace("ins;", "INS;", 1)])
def test_a_first_line_that_lacks_a_heading_or_has_an_unknown_one_refuses_the_file(first: str) -> None:
    with pytest.raises(RuleBrokenError, match="the first line"):
        Columns(first)


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"ins": ""}, "ins"),
        ({"evidence_form": ""}, "evidence_form"),
        ({"evidence_method": "x" * 201}, "evidence_method"),
        ({"evidence_collected_by": "99700366240"}, "evidence_collected_by"),
        ({"opened": "01/03/2012"}, "opened"),
        ({"opened": "2012-02-30"}, "opened"),
        ({"opened": "2012-03-01T10:00:00"}, "opened"),
        ({"opened": "0001-01-01"}, "opened"),
        ({"authorisations": f"{doctor(1)} 2020-01-01 9999-12-31"}, "authorisations[0]"),
        ({"blocks": f"{doctor(1)} 1969-01-01"}, "blocks[0]"),
        ({"dispatch": "yes"}, "dispatch"),
        ({"dispatch": "0", "break_glass": "0", "masked_documents": "1"}, "masked_documents"),
        ({"authorisations": doctor(1)}, "authorisations[0]"),
        ({"authorisations": f"{doctor(1)} 2020-01-01,{doctor(1)} 2021-01-01"}, "authorisations"),
        ({"authorisations": f"{hospital(1)}:10 2020-01-01 2021-01-01"}, "authorisations[0]"),
        ({"blocks": f"{doctor(1)} 2020-01-02 2020-01-01"}, "blocks[0]"),
        ({"blocks": ",".join(f"{doctor(number)} 2020-01-01" for number in range(201))}, "blocks"),
        ({"attending_physician": f"{practice(1)} 2020-01-01"}, "attending_physician[0]"),
        ({"attending_physician": f"{doctor(1)} 2020-01-01,{doctor(2)} 2020-01-01"}, "attending_physician"),
    ],
)
def test_what_breaks_a_rule_is_refused_by_heading_and_never_by_value(changed: dict[str, str], field: str) -> None:
    broken = refusal(**changed)
    assert broken.field == field
    assert not any(len(value) > 3 and value in broken.message for value in changed.values())


def test_a_line_with_too_few_or_too_many_values_is_refused_as_a_whole() -> None:
    for text in ("", line(1) + ";x", line(1).rpartition(";")[0]):
        with pytest.raises(RuleBrokenError, match="as many values") as raised:
            COLUMNS.read(text)
        assert raised.value.field == ""


def test_a_line_is_known_again_whatever_the_order_of_entries_and_the_form_of_dates() -> None:
    one = read(opened="2012-03-01", blocks=f"{doctor(1)} 2020-01-01,{doctor(2)} 2020-01-01")
    same = read(opened="2012-02-29T23:00:00Z", blocks=f" {doctor(2)}  2020-01-01 , {doctor(1)} 2019-12-31T23:00:00+00:00", dispatch="1")
    assert one.content() == same.content()
    others = [read(opened="2012-03-02"), read(dispatch="0"), read(), COLUMNS.read(line(2))]
    assert len({one.content(), *(other.content() for other in others)}) == 5
