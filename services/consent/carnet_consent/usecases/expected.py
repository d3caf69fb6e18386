"""A change asked for one version of a record: refused on another, after the rules have told who may ask at all."""

from collections.abc import Callable

from carnet_consent.domain.consent import Consent
from carnet_consent.domain.refusal import RuleBrokenError

Expected = Callable[[Consent], None]
"""Raises Aborted ETAG_MISMATCH unless the record is the one that the caller read."""


def on_expected(consent: Consent, expected: Expected, rule: Callable[[], Consent]) -> Consent:
    """What the rule makes of the record. Of two changes at once the second is told that it came second, not only that it is forbidden."""
    try:
        after = rule()
    except RuleBrokenError as broken:
        if broken.reason == "STATE_FORBIDS":
            expected(consent)
        raise
    expected(consent)
    return after
