"""What the services themselves say of the settings that manifests give them."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from carnet_audit.settings import AuditSettings
from carnet_consent.settings import ConsentSettings
from carnet_documents.settings import DocumentsSettings
from carnet_identity.settings import IdentitySettings
from carnet_platform.settings import PREFIX, PlatformSettings, SettingsError, load

SETTINGS: Mapping[str, type[PlatformSettings]] = {
    "identity": IdentitySettings,
    "consent": ConsentSettings,
    "documents": DocumentsSettings,
    "audit": AuditSettings,
}


def judge(service: str, variables: Mapping[str, str]) -> list[str]:
    """What is wrong with these variables, a line each, exactly as the service would say it at its start."""
    with _environment(variables):
        try:
            load(SETTINGS[service])
        except SettingsError as error:
            return str(error).splitlines()
    return []


@contextmanager
def _environment(variables: Mapping[str, str]) -> Iterator[None]:
    before = dict(os.environ)
    try:
        for name in [name for name in os.environ if name.startswith(PREFIX)]:
            del os.environ[name]
        os.environ.update(variables)
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
