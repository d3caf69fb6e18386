"""Whether documents to come are masked from professionals: the holder's standing choice (domain.md 5.3: documentsMaskedByDefault).

To mask is the holder's right, at any time (CSP R1111-49); stated beforehand it holds for every deposit from then on, whoever makes it, a
new version of an older document included. It changes no document that is in the record, and she unmasks each as ever. The depositor and
the attending physician keep access (rules.md 4 and 5). A depositor may mask or hide more than she asked for, and never less: what nobody
says is what she said. What is hidden from her until it is announced is masked once she can see it (rules.md 14): masked and invisible at
once, only the depositor could read it. A permit to deposit carries the choice (`outcome.obligations_of_deposit`).
"""

from dataclasses import dataclass, replace

from carnet_consent.domain.asker import Asker
from carnet_consent.domain.consent import Consent
from carnet_consent.domain.stating import check_holder


@dataclass(frozen=True, slots=True)
class DefaultVisibility:
    """What somebody asks to set."""

    is_masked: bool


def set_default_visibility(consent: Consent, asker: Asker, wish: DefaultVisibility) -> Consent:
    """Set it, as the holder or a minor's representative. Set twice is set once."""
    check_holder(asker, consent)
    return replace(consent, masks_new_documents=wish.is_masked)


def withdraws(before: Consent, after: Consent) -> bool:
    """Whether less will be read than before: then the change is a withdrawal, and no deposit may follow the old choice afterwards."""
    return after.masks_new_documents and not before.masks_new_documents
