"""What is sealed of a person: everything, as one text. A row written before a field was known is read as saying nothing of it."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import datetime
from typing import Any

from carnet_identity.domain.identity_evidence import IdentityEvidence, IdentityPaper
from carnet_identity.domain.identity_status import IdentityAttribute, IdentityStatus
from carnet_identity.domain.ins import Ins
from carnet_identity.domain.patient import Death, FormerIns, Patient
from carnet_identity.domain.traits import Sex, Traits


def write_content(patient: Patient) -> bytes:
    """The text to seal; id and revision are the row's."""
    evidence = patient.evidence
    content = {
        "ins": asdict(patient.ins),
        "ins_time": _written(patient.ins_time),
        "traits": asdict(patient.traits) | {"sex": patient.traits.sex.value if patient.traits.sex else None},
        "status": patient.status.value,
        "evidence": [_written(evidence.insi_call_time), evidence.paper and evidence.paper.value, _written(evidence.paper_check_time)],
        "attributes": sorted(attribute.value for attribute in patient.attributes),
        "residence_commune": patient.residence_commune,
        "former": [[asdict(one.ins), _written(one.begin_time), _written(one.end_time)] for one in patient.former],
        "death": patient.death and [patient.death.death_date, patient.death.evidence, _written(patient.death.record_time)],
    }
    return json.dumps(content).encode()


def read_content(patient_id: str, revision: int, text: bytes) -> Patient:
    """The person of an opened text."""
    content: dict[str, Any] = json.loads(text)
    sex = content["traits"].pop("sex")
    call, paper, check = content.get("evidence", (None, None, None))
    return Patient(
        id=patient_id,
        ins=Ins(**content["ins"]),
        ins_time=_read(content.get("ins_time")),
        traits=Traits(sex=Sex(sex) if sex else None, **content["traits"]),
        status=IdentityStatus(content["status"]),
        evidence=IdentityEvidence(insi_call_time=_read(call), paper=IdentityPaper(paper) if paper else None, paper_check_time=_read(check)),
        attributes=frozenset(IdentityAttribute(value) for value in content.get("attributes", ())),
        residence_commune=content.get("residence_commune", ""),
        former=tuple(_former(*one) for one in content.get("former", ())),
        death=_death(content.get("death")),
        revision=revision,
    )


def _former(ins: dict[str, str], begin: str | None, end: str) -> FormerIns:
    return FormerIns(ins=Ins(**ins), begin_time=_read(begin), end_time=datetime.fromisoformat(end))


def _death(said: tuple[str, str, str] | None) -> Death | None:
    return None if said is None else Death(death_date=said[0], evidence=said[1], record_time=datetime.fromisoformat(said[2]))


def _written(time: datetime | None) -> str | None:
    return None if time is None else time.isoformat()


def _read(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
