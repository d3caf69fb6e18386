"""What one chapter leaves for the next."""

from dataclasses import dataclass, field
from pathlib import Path

from carnet.documents.v1.document_entry_pb2 import DocumentEntry
from carnet_client import UserSession

from carnet_dev.demo.cast import Cast, Member
from carnet_dev.demo.page import Page


@dataclass
class Scene:
    """The people, their sessions, and what has happened so far."""

    page: Page
    cast: Cast
    samples: Path | None
    alice: Member
    bruno: Member
    chloe: Member
    denis: Member
    alice_session: UserSession
    bruno_session: UserSession
    dominique: UserSession = field(init=False)
    """Herself, at the portal: once she is registered."""
    patient: str = ""
    """`patients/{patient}`: who she is."""
    record: str = ""
    sent: dict[str, bytes] = field(default_factory=dict)
    """Bytes by document name, for comparing what is read with what was sent."""
    kept: list[DocumentEntry] = field(default_factory=list)
    total: int = 0
    """Documents in the record."""
    episode: str = ""
    """The emergency access of the story."""
    refused: set[tuple[str, str]] = field(default_factory=set)
    """(subject, reason) of every refusal so far: each must be on the record."""
