"""What a session depends on that may be withdrawn or stopped (architecture.md 5, "One fence"): the one place of identity that lists it.

Consent has a list of its own, for every other service; a test holds the two equal. A name that is missing here is a withdrawal that
nobody would notice, so whoever gives sessions another name adds it here.
"""

from __future__ import annotations

_PROFESSIONAL, _STRUCTURE = "professionals/", "structures/"


def names_of(
    *, session: str, subject: str, organisation: str, mandate: str, certificates: tuple[str, ...], callers: tuple[str, ...]
) -> tuple[str, ...]:
    """Everything whose withdrawal refuses a call, each name once.

    Args:
        session: `sessions/{session}`.
        subject: `professionals/*`, `patients/*`, `structures/*` or `operators/*`.
        organisation: the structure acted for, empty for none.
        mandate: `mandates/{mandate}` acted under, empty for none.
        certificates: thumbprints of whoever holds the token and of whoever brings it: the first presenter, and the caller.
        callers: URI names of the same two, e.g. `spiffe://carnet/software/gp`, which is `callers/software/gp` here.
    """
    names = [session, subject, organisation, mandate, *(f"certificates/{thumbprint}" for thumbprint in certificates if thumbprint)]
    names += [f"callers/{uri.removeprefix('spiffe://').partition('/')[2]}" for uri in callers if uri]
    if subject.startswith(_PROFESSIONAL) and organisation.startswith(_STRUCTURE):
        names.append(f"activities/{subject.removeprefix(_PROFESSIONAL)}/{organisation.removeprefix(_STRUCTURE)}")
    return tuple(dict.fromkeys(name for name in names if name))
