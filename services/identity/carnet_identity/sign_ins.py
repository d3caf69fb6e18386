"""Puts together what sessions are opened with, for main: the trusted issuers, the tables, the keys that sign tokens.

Everything that the settings name is read at the start: a table, a key or a floor that cannot be used stops it. Identity providers are not
waited for: they may come and go.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any, TypeVar

import httpx
from carnet_platform.envelope import mac
from carnet_platform.journal import Journal
from carnet_platform.platform import Platform
from carnet_platform.settings import SettingsError

from carnet_identity.api.sessions import AssertionBounds, SessionServicer
from carnet_identity.clients.identity_provider import KeyTimes, ProviderSignatures
from carnet_identity.domain.assertion import AssertionRules
from carnet_identity.domain.assurance import Assurance, read_floors, read_levels
from carnet_identity.domain.broken_rule import BrokenRule
from carnet_identity.domain.operator_claims import OperatorRules
from carnet_identity.domain.purposes import read_purposes
from carnet_identity.domain.systems import read_systems
from carnet_identity.session_settings import SessionSettings
from carnet_identity.storage.directory import DirectoryStore
from carnet_identity.storage.patients import PatientStore
from carnet_identity.storage.presented_assertions import PresentedAssertions
from carnet_identity.storage.sessions import SessionStore
from carnet_identity.storage.signing_keys import SigningKeys
from carnet_identity.storage.stops import StopStore
from carnet_identity.usecases.exchange_assertion import ExchangeAssertion, Users
from carnet_identity.usecases.exchange_certificate import ExchangeCertificate
from carnet_identity.usecases.exchange_operator_assertion import ExchangeOperatorAssertion
from carnet_identity.usecases.mandated import MandatedUsers
from carnet_identity.usecases.open_session import OpenSession
from carnet_identity.usecases.record_refusals import RefusalRecorder
from carnet_identity.usecases.revoke_session import RevokeSession

T = TypeVar("T")
_DATA = files("carnet_identity") / "data"


@dataclass(frozen=True, slots=True)
class KnownUsers:
    """Who may be a user, and what is noted of it."""

    directory: DirectoryStore
    patients: PatientStore
    sessions: SessionStore
    stops: StopStore
    presented: PresentedAssertions
    journal: Journal
    mandates: MandatedUsers


class SignIns:
    """All of it; `signer` holds the keys that sign user tokens."""

    def __init__(self, platform: Platform, settings: SessionSettings) -> None:
        """Reads what the settings name. Raises SettingsError when any of it cannot be used."""
        self._platform = platform
        self._settings = settings
        self._purposes = _read(read_purposes, settings.purposes_file, "CARNET_PURPOSES_FILE", "purposes.toml")
        self._systems = _read(read_systems, settings.systems_file, "CARNET_SYSTEMS_FILE", "systems.toml")
        self._rules = _rules(settings)
        try:
            self.signer = SigningKeys(settings.token_key_folder, platform.clock, settings.token_key_lead)
        except OSError as error:
            raise SettingsError(f"CARNET_TOKEN_KEY_FOLDER: {error.filename}: {error.strerror}") from None

    async def own_keys(self) -> str:
        """The published keys, by which this service verifies its own tokens."""
        return self.signer.published()

    def servicer(self, known: KnownUsers, revoke: RevokeSession) -> SessionServicer:
        """SessionService, with its background work begun."""
        platform, settings = self._platform, self._settings
        platform.background("signing keys", lambda: self.signer.follow(settings.token_keys_every))
        open_session = OpenSession(known.sessions, known.stops, known.journal, self.signer, platform.clock, settings.token_lifetime)
        users = Users(known.directory, known.patients)
        signatures = self._signatures()
        by_assertion = ExchangeAssertion(
            signatures,
            self._rules,
            users,
            self._purposes,
            known.presented,
            open_session,
            platform.clock,
            patient_callers=settings.patient_callers,
            mandates=known.mandates,
        )
        by_operator = self._operators(known, signatures, open_session)
        by_certificate = ExchangeCertificate(self._systems, known.directory, users, self._purposes, open_session)
        refusals = RefusalRecorder(known.journal, platform.clock)
        platform.background("refusals", refusals.run)
        platform.on_stop(refusals.close)
        bounds = AssertionBounds(longest_age=settings.assertion_longest_age, tolerance=settings.clock_tolerance)
        return SessionServicer(by_assertion, by_operator, by_certificate, revoke, refusals, platform.clock, bounds)

    def _operators(self, known: KnownUsers, signatures: ProviderSignatures, open_session: OpenSession) -> ExchangeOperatorAssertion:
        settings, keys = self._settings, self._platform.keys()
        return ExchangeOperatorAssertion(
            signatures,
            OperatorRules(assertions=self._rules, claim=settings.operator_roles_claim, roles=settings.operator_roles),
            known.presented,
            open_session,
            self._platform.clock,
            lambda issuer, subject: mac(keys.derive("operator"), issuer.encode(), subject.encode()),
            callers=settings.operator_callers,
        )

    def _signatures(self) -> ProviderSignatures:
        platform, settings = self._platform, self._settings
        # No proxy or certificate of the environment: whom we trust is said by the settings alone.
        http = httpx.AsyncClient(timeout=settings.provider_timeout.total_seconds(), follow_redirects=False, trust_env=False)
        platform.on_stop(http.aclose)
        return ProviderSignatures(
            self._rules.issuers,
            frozenset(settings.assertion_algorithms),
            http,
            platform.clock,
            KeyTimes(kept=settings.provider_keys_kept, asked_every=settings.provider_keys_every, patience=settings.provider_timeout),
            is_plain_http_allowed=settings.environment != "production",
        )


def _rules(settings: SessionSettings) -> AssertionRules:
    rules = AssertionRules(
        audience=settings.assertion_audience,
        audiences=settings.assertion_audiences,
        assurance=_assurance(settings),
        professional_issuers=settings.professional_issuers,
        patient_issuers=settings.patient_issuers,
        operator_issuers=settings.operator_issuers,
        tolerance=settings.clock_tolerance,
        longest_age=settings.assertion_longest_age,
        is_production=settings.environment == "production",
    )
    for variable, named in (
        ("CARNET_ASSERTION_AUDIENCES", settings.assertion_audiences),
        ("CARNET_ASSURANCE_FLOORS", settings.assurance_floors),
    ):
        if not named.keys() <= rules.issuers:
            raise SettingsError(f"{variable}: names an issuer that is not trusted; issuers are written exactly as in `iss`")
    return rules


def _assurance(settings: SessionSettings) -> Assurance:
    levels = _read(read_levels, settings.assurance_file, "CARNET_ASSURANCE_FILE", "assurance.toml")
    try:
        return read_floors(levels, settings.assurance_floor, settings.assurance_floors)
    except BrokenRule as error:
        raise SettingsError(f"CARNET_ASSURANCE_FLOOR, CARNET_ASSURANCE_FLOORS: {error}") from None


def _read(read: Callable[[Mapping[str, Any]], T], file: Path | None, variable: str, delivered: str) -> T:
    try:
        return read(tomllib.loads((_DATA / delivered if file is None else file).read_text(encoding="utf-8")))
    except OSError as error:
        raise SettingsError(f"{variable}: {file or delivered}: {error.strerror}") from None
    except BrokenRule as error:
        raise SettingsError(f"{variable}: {file or delivered}: {error}") from None
    except ValueError:
        raise SettingsError(f"{variable}: {file or delivered} is not TOML in UTF-8") from None
