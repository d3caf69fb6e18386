"""Conversions between the messages of `PreviewChange` and the values of the rules: parses up to 1 000 documents, and trusts none."""

import re
from collections import defaultdict
from collections.abc import Sequence

from carnet.common.v1 import purpose_of_use_pb2
from carnet.consent.v1 import access_explanation_service_pb2 as pb
from carnet_platform.errors import InvalidArgument

from carnet_consent.api import explaining, mapping
from carnet_consent.domain.consent import NamedHide
from carnet_consent.domain.default_visibility import DefaultVisibility
from carnet_consent.domain.documents import Documents
from carnet_consent.domain.filter import DocumentFacts
from carnet_consent.domain.preview import LeftBehind, Link
from carnet_consent.domain.proposal import Attending, Hiding, Proposal, TakingBack
from carnet_consent.usecases.preview_change import Previewed

_SEGMENT = re.compile(r"[A-Za-z0-9_.~-]{1,64}")
MOST_DOCUMENTS, MOST_LINKS = 1000, 5000
_KINDS = {number: name.removeprefix("DOCUMENT_LINK_KIND_") for name, number in pb.DocumentLinkKind.items() if number}
_KIND_NUMBERS = {name: number for number, name in _KINDS.items()}


def proposal(request: pb.PreviewChangeRequest, record: str) -> Proposal:
    """The change that is proposed."""
    match request.WhichOneof("change"):
        case "authorisation":
            return mapping.wish(request.authorisation, is_for_another=False)
        case "deleted_authorisation":
            return TakingBack(_child(request.deleted_authorisation, record, "authorisations", "deleted_authorisation"))
        case "emergency_switches":
            return mapping.switches(request.emergency_switches)
        case "documents_masked_by_default":
            return DefaultVisibility(request.documents_masked_by_default)
        case "hidden" | "unhidden" as which:
            message = request.hidden if which == "hidden" else request.unhidden
            return Hiding(_hide(message, record, which), takes_back=which == "unhidden")
        case "attending_physician" | "ended_attending_physician" as which:
            ends = which == "ended_attending_physician"
            name = request.ended_attending_physician if ends else request.attending_physician
            return Attending(explaining.professional(name, which), ends)
        case _:
            raise InvalidArgument("INVALID_FIELD", "is required", field="change")


def documents(messages: Sequence[pb.DocumentFacts], record: str) -> Documents:
    """The documents to tell about. What many of them say is checked once."""
    if not 0 < len(messages) <= MOST_DOCUMENTS:
        raise InvalidArgument("INVALID_FIELD", f"must be 1 to {MOST_DOCUMENTS}", field="documents")
    ours = f"{record}/documents/"
    groups: dict[tuple[str, str, tuple[str, ...], str, str], list[str]] = defaultdict(list)
    for message in messages:
        name, labels = message.name, tuple(message.visibilities)
        if not name.startswith(ours) or _SEGMENT.fullmatch(name, len(ours)) is None:
            raise InvalidArgument("INVALID_FIELD", "must name documents of this record", field="documents.name")
        groups[message.document_class, message.document_type, labels, message.depositor, message.structure].append(name)
    if len({name for names in groups.values() for name in names}) != len(messages):
        raise InvalidArgument("INVALID_FIELD", "must name each document once", field="documents.name")
    classes, types, labels_of, depositors, structures = (set(values) for values in zip(*groups, strict=True))
    explaining.check_codes(classes, "documents.document_class")
    explaining.check_codes(types, "documents.document_type")
    explaining.check_labels(labels_of, "documents.visibilities")
    explaining.check_names(depositors, "professionals/*", "documents.depositor")
    explaining.check_names(structures, "structures/*", "documents.structure")
    return Documents(tuple((DocumentFacts("", *facts), tuple(names)) for facts, names in groups.items()))


def links(messages: Sequence[pb.DocumentLink], described: Documents) -> tuple[Link, ...]:
    """What the documents have in common."""
    if len(messages) > MOST_LINKS:
        raise InvalidArgument("INVALID_FIELD", f"must be at most {MOST_LINKS}", field="links")
    names = {name for _, group in described.groups for name in group}
    for message in messages:
        if message.kind not in _KINDS:
            raise InvalidArgument("INVALID_FIELD", "is required", field="links.kind")
        if not {message.document, message.linked_document} <= names or message.document == message.linked_document:
            raise InvalidArgument("INVALID_FIELD", "must name two of the documents", field="links")
    return tuple(Link(message.document, message.linked_document, _KINDS[message.kind]) for message in messages)


def previewed(answer: Previewed) -> pb.PreviewChangeResponse:
    """What the change would alter, as told."""
    told = pb.PreviewChangeResponse(
        closed_directives=answer.preview.closed_directives,
        directives_closed_in_emergency=answer.preview.closed_in_emergency,
        consent_revision=answer.revision,
        matrix_version=answer.matrix_version,
        new_documents_masked=answer.new_documents_masked,
    )
    for change in answer.preview.changes:  # each is made in its place: a message put into another is copied, name by name
        told.changes.add(
            name=change.name,
            roles=change.roles,
            structure=change.structure,
            purpose=purpose_of_use_pb2.PurposeOfUse.Value(f"PURPOSE_OF_USE_{change.purpose}"),
            gained_documents=change.gained,
            lost_documents=change.lost,
            left_behind=[_left_behind(one) for one in change.left_behind],
        )
    return told


def _left_behind(left: LeftBehind) -> pb.DocumentLeftBehind:
    return pb.DocumentLeftBehind(
        document=left.link.document, linked_document=left.link.linked, kind=_KIND_NUMBERS[left.link.kind], readable=left.is_readable
    )


def _hide(message: pb.DocumentHiding, record: str, field: str) -> NamedHide:
    _child(message.document, record, "documents", f"{field}.document")
    return NamedHide(message.document, mapping.reader_name(message.grantee, f"{field}.grantee"))


def _child(name: str, record: str, collection: str, field: str) -> str:
    of_record, child = mapping.child_name(name, collection, field)
    if of_record != record:
        raise InvalidArgument("INVALID_FIELD", "must be of this record", field=field)
    return child
