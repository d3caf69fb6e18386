"""Of which notices a person wants letters. What must reach her cannot be switched off; the inbox tells everything whatever she says."""

from collections.abc import Mapping
from dataclasses import replace

from carnet_consent.domain.asker import Asker
from carnet_consent.domain.consent import Consent
from carnet_consent.domain.notice import ALWAYS_MAILED, EVERY_TELLING, Channel, NoticeKind, wanted_channels
from carnet_consent.domain.refusal import RuleBrokenError
from carnet_consent.domain.stating import check_holder

MAILED = tuple(kind for kind in NoticeKind if any(telling.kind is kind and telling.letter for telling in EVERY_TELLING.values()))
"""The kinds of which there are letters, in their order."""


def wants_letters(consent: Consent, channel: Channel = Channel.EMAIL) -> dict[NoticeKind, bool]:
    """For each kind of which there are letters, whether they are sent by a channel."""
    return {kind: channel in wanted_channels(kind, consent) for kind in MAILED}


def set_letters(consent: Consent, asker: Asker, wishes: Mapping[NoticeKind, bool], channel: Channel = Channel.EMAIL) -> Consent:
    """Say of which kinds letters are wanted by a channel, as the holder; a kind that is not named stays as it is."""
    check_holder(asker, consent)
    if any(kind in ALWAYS_MAILED and not is_wanted for kind, is_wanted in wishes.items()):
        raise RuleBrokenError("INVALID_FIELD", "letters of this kind cannot be switched off", field="preferences")
    muted = tuple(sorted(kind for kind, is_wanted in {**wants_letters(consent, channel), **wishes}.items() if not is_wanted))
    return replace(consent, muted_letters=muted) if channel is Channel.EMAIL else replace(consent, muted_pushes=muted)
