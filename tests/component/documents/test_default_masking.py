"""Deposits in a record whose holder chose that documents to come are masked (MASQUE_PS by default; R1111-49, rules.md 14)."""

from datetime import timedelta

from carnet.consent.v1 import access_decision_service_pb2 as consent_pb
from carnet.documents.v1 import document_entry_pb2 as entry_pb
from component.documents.conftest import Documents
from component.documents.harness import names
from component.documents.neighbours import allow, allow_masking
from component.documents.test_reading import refused
from support.cda import Cda

MASKED, HIDDEN = entry_pb.VISIBILITY_MASKED_FROM_PROFESSIONALS, entry_pb.VISIBILITY_HIDDEN_FROM_PATIENT
A_PROFESSIONAL = allow(all_types=True, excluded_visibilities=["MASQUE_PS"])
THE_DEPOSITOR = allow(all_types=True, excluded_visibilities=["MASQUE_PS"], own_professional="professionals/ines")
THE_HOLDER = allow(all_types=True, excluded_visibilities=["INVISIBLE_PATIENT"])


async def test_a_deposit_after_the_choice_is_masked_for_others_and_readable_for_its_depositor_until_she_unmasks_it(
    documents: Documents,
) -> None:
    depositor, other, clara = documents.client(), documents.client(sub="professionals/bruno"), documents.clara()
    before = (await depositor.submit(Cda(unique_id="1.2.1").render())).entry
    documents.consent.answers[2] = allow_masking()

    receipt = await documents.client(jti="later").submit(Cda(unique_id="1.2.2").render())

    assert (list(before.visibilities), list(receipt.entry.visibilities)) == ([], [MASKED])
    documents.consent.answers[1] = A_PROFESSIONAL
    assert names((await other.search()).entries) == [before.name], "what was there is as it was"
    assert (await refused(other.read(receipt.entry.name)))[1] == "NOT_FOUND"
    documents.consent.answers[1] = THE_DEPOSITOR
    assert (await documents.client(jti="again").get(receipt.entry.name)).name == receipt.entry.name
    await clara.unmask(receipt.entry.name)
    documents.consent.answers[1] = A_PROFESSIONAL
    assert set(names((await other.search()).entries)) == {before.name, receipt.entry.name}


async def test_what_is_hidden_from_the_holder_is_masked_only_once_she_sees_it(documents: Documents) -> None:
    """Rule 14: INVISIBLE_PATIENT with MASQUE_PS never arises by default, nor does the choice come to nothing."""
    documents.consent.answers[2] = allow_masking()
    client = documents.client()
    hidden = (await client.submit(Cda(unique_id="1.2.1").render(), visibilities=[HIDDEN])).entry
    assert list(hidden.visibilities) == [HIDDEN]
    store = await documents.store()
    row = await store.documents.find_one({})

    assert row["masked"]
    assert row["masked_from"] == row["patient_from"] > row["first_deposit"] + timedelta(days=27)
    documents.consent.answers[1] = A_PROFESSIONAL
    assert names((await client.search()).entries) == [hidden.name]


async def test_a_replacement_is_masked_as_every_deposit_and_of_a_hidden_document_when_that_one_would_be(documents: Documents) -> None:
    client = documents.client()
    await client.submit(Cda(unique_id="1.2.1").render())
    await client.submit(Cda(unique_id="1.2.2").render(), visibilities=[HIDDEN])
    documents.consent.answers[2] = allow_masking()
    client = documents.client(jti="later")

    of_a_visible = await client.submit(Cda(unique_id="1.2.3", replaces="1.2.1").render())
    of_a_hidden = await client.submit(Cda(unique_id="1.2.4", replaces="1.2.2").render())
    again = await client.submit(Cda(unique_id="1.2.5", replaces="1.2.4").render())

    assert list(of_a_visible.entry.visibilities) == [MASKED]
    assert list(of_a_hidden.entry.visibilities) == list(again.entry.visibilities) == [HIDDEN]


async def test_who_masks_himself_masks_at_once_and_an_edited_instant_of_masking_is_not_believed(documents: Documents) -> None:
    documents.consent.answers[2] = allow_masking()
    client = documents.client()
    own = (await client.submit(Cda(unique_id="1.2.1").render(), visibilities=[MASKED])).entry
    store = await documents.store()
    assert "masked_from" not in await store.documents.find_one({})

    await store.documents.update_one({}, {"$set": {"masked_from": (await store.documents.find_one({}))["created"] + timedelta(days=9999)}})

    assert list(own.visibilities) == [MASKED]
    documents.consent.answers[1] = A_PROFESSIONAL
    assert (await refused(client.get(own.name)))[1] == "NOT_FOUND"


class TurnsToMasking(dict[int, consent_pb.DecideResponse]):
    """Answers of consent whose holder chooses after a deposit was permitted twice, by permits that end at once."""

    asked = 0

    def __getitem__(self, action: int) -> consent_pb.DecideResponse:
        self.asked += 1
        answer = allow() if self.asked <= 2 else allow_masking()  # when it began, and before it is kept
        answer.permit.usable_for.FromMicroseconds(1)
        return answer


async def test_a_choice_that_is_made_while_a_deposit_is_kept_holds_for_it(documents: Documents) -> None:
    """Promise 2: chunks take longer to write than a permit lasts."""
    documents.consent.answers = answers = TurnsToMasking()

    entry = (await documents.client().submit(Cda(unique_id="1.2.1").render())).entry

    assert (list(entry.visibilities), answers.asked) == ([MASKED], 3)


async def test_an_obligation_that_this_version_does_not_know_lets_nothing_in(documents: Documents) -> None:
    documents.consent.answers[2] = allow()
    documents.consent.answers[2].permit.obligations.append(99)  # type: ignore[arg-type]  # of a later version

    assert (await refused(documents.client().submit(Cda(unique_id="1.2.1").render())))[:2] == ("UNAVAILABLE", "DEPENDENCY_UNAVAILABLE")
    assert consent_pb.OBLIGATION_MASK_DEPOSIT not in allow().permit.obligations
