"""Conversions between the messages of `AccessExplanationService` and the values of the rules: parses, and does not trust."""

from collections.abc import Iterable
from datetime import timedelta

from carnet.common.v1 import error_reason_pb2, purpose_of_use_pb2
from carnet.consent.v1 import access_explanation_service_pb2 as pb
from carnet_platform.errors import InvalidArgument
from carnet_platform.identifiers import parse_name

from carnet_consent.api import mapping
from carnet_consent.api.words import sentence
from carnet_consent.domain.asker import Asker
from carnet_consent.domain.filter import DocumentFacts
from carnet_consent.domain.readers import Standing
from carnet_consent.domain.step import Step, StepOutcome
from carnet_consent.usecases.explain_decision import Explained
from carnet_consent.usecases.who_can_read import Readers

_PURPOSES = {number: name.removeprefix("PURPOSE_OF_USE_") for name, number in purpose_of_use_pb2.PurposeOfUse.items() if number}
_PURPOSE_NUMBERS = {name: number for number, name in _PURPOSES.items()}
_OUTCOMES = {outcome: pb.StepOutcome.Value(f"STEP_OUTCOME_{outcome.value}") for outcome in StepOutcome}
LONGEST_CODE = 64
MOST_LABELS = 16


def reader(message: pb.Reader) -> Asker:
    """Who reads."""
    name = mapping.grantee_name(message.name, "reader.name")
    if message.purpose not in _PURPOSES:
        raise InvalidArgument("INVALID_FIELD", "is required", field="reader.purpose")
    if message.structure:
        parse_name(message.structure, "structures/*", "reader.structure")
    role = _code(message.role, "reader.role", is_required=False)
    if not role and name.startswith("structures/"):
        role = "STRUCTURE"
    return Asker(name, role, message.structure, _PURPOSES[message.purpose], is_dispatch_doctor=message.dispatch_doctor)


def document(message: pb.DocumentFacts, record: str, field: str) -> DocumentFacts:
    """What is known of a document of this record."""
    if message.name and mapping.child_name(message.name, "documents", f"{field}.name")[0] != record:
        raise InvalidArgument("INVALID_FIELD", "must be a document of this record", field=f"{field}.name")
    labels = tuple(message.visibilities)
    check_codes([message.document_class], f"{field}.document_class")
    check_codes([message.document_type], f"{field}.document_type")
    check_labels([labels], f"{field}.visibilities")
    check_names([message.depositor], "professionals/*", f"{field}.depositor")
    check_names([message.structure], "structures/*", f"{field}.structure")
    return DocumentFacts(message.name, message.document_class, message.document_type, labels, message.depositor, message.structure)


def check_codes(codes: Iterable[str], field: str) -> None:
    """Refuse a code that is missing, or is none."""
    for code in codes:
        _code(code, field)


def check_labels(all_labels: Iterable[tuple[str, ...]], field: str) -> None:
    """Refuse too many labels, and what is none."""
    for labels in all_labels:
        if len(labels) > MOST_LABELS:
            raise InvalidArgument("INVALID_FIELD", f"must be at most {MOST_LABELS}", field=field)
        check_codes(labels, field)


def check_names(names: Iterable[str], pattern: str, field: str) -> None:
    """Refuse a name that is not of this form; it may be left out."""
    for name in names:
        if name:
            parse_name(name, pattern, field)


def professional(name: str, field: str) -> str:
    """A professional's name, well formed."""
    parse_name(name, "professionals/*", field)
    return name


def explained(answer: Explained, kept: timedelta) -> pb.ExplainDecisionResponse:
    """The explanation as told."""
    verdict = pb.VERDICT_CANNOT_TELL
    if answer.is_known:
        verdict = pb.VERDICT_ALLOWED if answer.allows else pb.VERDICT_REFUSED
    told = pb.ExplainDecisionResponse(
        verdict=verdict,
        steps=[_step(step, number) for number, step in enumerate(answer.steps, start=1)],
        time=mapping.timestamp(answer.time),
        consent_revision=answer.revision,
        matrix_version=answer.matrix_version,
    )
    told.history_kept_after_closing.FromTimedelta(kept)
    if answer.reason:
        told.reason = error_reason_pb2.ErrorReason.Value(f"ERROR_REASON_{answer.reason}")
    return told


def _step(step: Step, number: int) -> pb.ExplanationStep:
    return pb.ExplanationStep(
        number=number,
        key=step.key,
        outcome=_OUTCOMES[step.outcome],
        rule=step.rule,
        source=step.source,
        text_fr=sentence(step, "fr"),
        text_en=sentence(step, "en"),
    )


def _code(code: str, field: str, *, is_required: bool = True) -> str:
    if is_required and not code:
        raise InvalidArgument("INVALID_FIELD", "is required", field=field)
    if len(code) > LONGEST_CODE or not code.isprintable():
        raise InvalidArgument("INVALID_FIELD", f"must be a code of at most {LONGEST_CODE} characters", field=field)
    return code


def readers(answer: Readers) -> pb.WhoCanReadResponse:
    """Who reads and who does not, as told."""
    return pb.WhoCanReadResponse(
        readers=[_standing(one) for one in answer.standings if one.allows],
        refused=[_standing(one) for one in answer.standings if not one.allows],
        break_glass_roles=answer.break_glass_roles,
        dispatch_roles=answer.dispatch_roles,
        consent_revision=answer.revision,
        matrix_version=answer.matrix_version,
    )


def _standing(standing: Standing) -> pb.ReaderStanding:
    told = pb.ReaderStanding(
        name=standing.name,
        roles=standing.roles,
        structure=standing.structure,
        purpose=_PURPOSE_NUMBERS[standing.purpose],
        why=_step(standing.why, 0),
        attending_physician=standing.is_attending,
    )
    if standing.until is not None:
        told.end_time.CopyFrom(mapping.timestamp(standing.until))
    return told
