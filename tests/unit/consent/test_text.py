"""The stored text of a consent: nothing is lost in it, and the same consent is the same bytes."""

import json
from dataclasses import replace

from carnet_consent.storage.text import from_text, to_text
from hypothesis import given
from hypothesis import strategies as st
from unit.consent.builders import record_stating

FULL = record_stating("standing of doctor, block of hospital, emergency of doctor, two attending physicians, opposed to dispatch")


@given(st.text(max_size=50), st.integers(1, 2**40))
def test_what_is_stored_is_what_was_stated(motive: str, revision: int) -> None:
    consent = replace(FULL, statements=(replace(FULL.statements[0], motive=motive, end=None), *FULL.statements[1:]), revision=revision)

    assert from_text(to_text(consent)) == consent
    assert to_text(from_text(to_text(consent))) == to_text(consent)


def test_the_letters_that_are_switched_off_are_kept_and_a_text_without_them_means_none() -> None:
    muted = replace(FULL, muted_letters=("ATTENDING_PHYSICIAN", "FIRST_ACCESS"), muted_pushes=("FIRST_ACCESS",))
    assert from_text(to_text(muted)) == muted
    content = json.loads(to_text(muted))
    del content["muted_letters"], content["muted_pushes"]
    assert from_text(json.dumps(content).encode()) == replace(muted, muted_letters=(), muted_pushes=())


def test_the_default_visibility_is_kept_and_a_text_without_it_means_that_nothing_is_masked_beforehand() -> None:
    masking = replace(FULL, masks_new_documents=True)
    assert from_text(to_text(masking)) == masking
    content = json.loads(to_text(masking))
    del content["masks_new_documents"]
    assert not from_text(json.dumps(content).encode()).masks_new_documents
