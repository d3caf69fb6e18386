"""What `make run` says once everything is up: where to go and what to try."""

import importlib.util

from carnet_dev.plan import SERVICES, Plan


def card(plan: Plan, seconds: float) -> str:
    """The text of the card, for a run that took `seconds` to come up."""
    width = max(len(service.name) for service in SERVICES)
    targets = [f"  {service.name:<{width}}   {plan.listen(service.name)}" for service in SERVICES]
    certificates = plan.folder / "certificates"
    lines = [
        "",
        f"Carnet is up after {seconds:.0f} s. gRPC with mutual TLS; all people invented; not the official DMP.",
        "",
        *targets,
        f"  {'people':<{width}}   {plan.issuer} (development logins, no password)",
        "",
        f"  authority      {plan.authority.certificate_file}",
        f"  certificates   {certificates}/software/gp (a practice's software), .../portal, .../system/insurer",
        f"  logs, traces   {plan.folder}/log, {plan.folder}/traces",
        f"  mail           {plan.mail} (every letter that a person would get, as a file)",
        "",
        "Try next, in a second terminal:",
        *_next_steps(plan),
        "",
        "Ctrl-C stops everything; the data stays until `make clean`.",
        "",
    ]
    return "\n".join(lines)


def _next_steps(plan: Plan) -> list[str]:
    steps = [
        f"  curl {plan.issuer}/.well-known/openid-configuration    the identity provider",
        f"  .venv/bin/python -m carnet_dev.login alice --folder {plan.folder}    Dr Alice UNTEL logs in: her assertion",
    ]
    if importlib.util.find_spec("carnet_dev.demo") is not None:
        steps.insert(0, "  make demo    one patient's story")
    return steps
