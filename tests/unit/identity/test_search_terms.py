"""Names folded and values combined: whoever is registered is found by every two terms, however they are written (rules.md 10)."""

from collections.abc import Callable
from itertools import combinations
from typing import Any

import pytest
from carnet_identity.domain.patient_search import Said, parse_search
from carnet_identity.domain.search_terms import MOST_COMPOSITES, MOST_GIVEN_KEYS, Terms, composites_for, composites_of, family_keys, span_of
from carnet_identity.domain.traits import Sex, Traits
from hypothesis import example, given, settings
from hypothesis import strategies as st
from support.written import BIRTH_DATES, TODAY, names, possible_days, rewritten

COMMUNES = st.sampled_from(["51215", "2A004", "75056", "99100"])
TERMS = ("family_name", "given_name", "born", "commune")


@st.composite
def registered(draw: st.DrawFn) -> Traits:
    """Somebody with up to four given names, some of them double, and perhaps a name in use."""
    given_names = [draw(names()) for _ in range(draw(st.integers(1, 4)))]
    return Traits(
        birth_family_name=draw(names(most_words=3)),
        first_given_name=given_names[0],
        given_names=" ".join(given_names),
        birth_date=draw(BIRTH_DATES),
        sex=Sex.FEMALE,
        birth_place=draw(COMMUNES),
        used_family_name=draw(st.one_of(st.just(""), names())),
        used_given_name=draw(st.one_of(st.just(""), names())),
    )


def ways_to_say(traits: Traits, residence: str, draw: Callable[[st.SearchStrategy[Any]], Any]) -> dict[str, dict[str, Any]]:
    """For each term one true way to say it."""
    day = draw(possible_days(traits.birth_date))
    year = int(traits.birth_date[:4])
    some_range = {
        "earliest_birth_date": f"{year - draw(st.integers(0, 10))}0101",
        "latest_birth_date": f"{year + draw(st.integers(0, 9))}1231",
    }
    dates = [{"birth_date": traits.birth_date}, {"birth_date": day}, {"birth_date": day[:6] + "00"}, {"birth_date": day[:4] + "0000"}]
    family = [name for name in (traits.birth_family_name, traits.used_family_name) if name]
    given_names = [name for name in (*traits.given_names.split(), traits.first_given_name, traits.used_given_name) if name]
    return {
        "family_name": {"family_name": draw(rewritten(draw(st.sampled_from(family))))},
        "given_name": {"given_name": draw(rewritten(draw(st.sampled_from(given_names[:MOST_GIVEN_KEYS]))))},
        "born": draw(st.sampled_from([*dates, some_range])),
        "commune": {"commune": draw(st.sampled_from([residence, traits.birth_place]))},
    }


@settings(deadline=None)
@given(st.data())
def test_whoever_is_registered_is_found_by_every_two_or_more_of_her_terms(data: st.DataObject) -> None:
    """rules.md 10: used or birth name, any given name, date or range of birth, town; accents and the rest folded."""
    traits, residence = data.draw(registered()), data.draw(COMMUNES)
    said = ways_to_say(traits, residence, data.draw)
    composites = composites_of(traits, (residence, traits.birth_place))
    for several in (2, 3, 4):
        for chosen in combinations(TERMS, several):
            fields = {name: value for term in chosen for name, value in said[term].items()}
            asked = composites_for(parse_search(Said(**fields), is_emergency=True, today=TODAY).terms)
            assert not asked.isdisjoint(composites), f"not found by {chosen}"


@settings(deadline=None)
@given(st.data())
def test_for_treatment_she_is_found_by_any_whole_name_and_her_day_of_birth(data: st.DataObject) -> None:
    traits = data.draw(registered())
    said = ways_to_say(traits, "", data.draw)
    fields = {**said["family_name"], **said["given_name"], "birth_date": data.draw(possible_days(traits.birth_date))}
    asked = composites_for(parse_search(Said(**fields), is_emergency=False, today=TODAY).terms)
    assert not asked.isdisjoint(composites_of(traits, ()))
    assert {composite[0] for composite in asked} == {"family+given+born"}


@given(registered(), st.lists(COMMUNES, max_size=2))
def test_no_value_stands_alone_and_the_number_of_combinations_is_bounded(traits: Traits, communes: list[str]) -> None:
    """What a dump shows is combinations of two values at least: docs/threat-model.md."""
    composites = composites_of(traits, communes)
    assert len(composites) <= MOST_COMPOSITES
    assert all(len(composite) == 1 + len(composite[0].split("+")) >= 3 for composite in composites)
    assert all(value for composite in composites for value in composite)


@given(st.data())
@example(None)
def test_a_name_is_folded_alike_however_it_is_written(data: st.DataObject | None) -> None:
    if data is None:
        assert set(family_keys("Nuñez-d\u2019Hœuf")) == set(family_keys("NUNEZ D'HOEUF")) == {"NUNEZDHOEUF", "NUNEZ", "HOEUF"}
        assert set(family_keys("Strauß")) == set(family_keys("STRAUSS"))
        assert set(family_keys("ǽ ﬁ")) == {"AEFI"}
        return
    name = data.draw(names(most_words=3))
    whole = next(iter(family_keys(name)))
    assert next(iter(family_keys(data.draw(rewritten(name))))) == whole


def test_one_term_finds_nobody() -> None:
    for terms in (Terms(family={"MARTIN": 1.0}), Terms(born=span_of("19790328")), Terms(commune="51215"), Terms()):
        with pytest.raises(ValueError, match="two terms"):
            composites_for(terms)


def test_a_range_of_twenty_years_is_few_combinations() -> None:
    said = Said(given_name="Jean Pierre", earliest_birth_date="19600101", latest_birth_date="19800101")
    asked = composites_for(parse_search(said, is_emergency=True, today=TODAY).terms)
    assert len(asked) == 3 * 21, "three keys of the name, and every year"
