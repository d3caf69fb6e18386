"""The etag of a record: a change asked for one version is refused on another, and told which is the present one."""

from collections.abc import Callable

from carnet_platform.errors import Aborted

from carnet_consent.api import mapping
from carnet_consent.domain.closing import state_told
from carnet_consent.domain.consent import Consent


def only_for(etag: str) -> Callable[[Consent], None]:
    """Raise Aborted ETAG_MISMATCH, with the present etag and state, unless the record has this etag; an empty one asks for none."""

    def expected(consent: Consent) -> None:
        if etag not in {"", mapping.etag(consent)}:
            present = {"etag": mapping.etag(consent), "state": state_told(consent)}
            raise Aborted("ETAG_MISMATCH", "the record was changed meanwhile; read it again", field="etag", metadata=present)

    return expected
