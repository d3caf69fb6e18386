"""The words of explanations, in French and English: reviewed text from `words/`, one sentence for each outcome of each step."""

import tomllib
from functools import cache
from importlib.resources import files

from carnet_consent.domain.step import Step

LANGUAGES = ("fr", "en")


@cache
def sentences(language: str) -> dict[str, dict[str, str]]:
    """Every sentence of a language, by step and outcome. Read once: a process serves the words it was started with."""
    return tomllib.loads((files("carnet_consent") / "words" / f"{language}.toml").read_text(encoding="utf-8"))


def sentence(step: Step, language: str) -> str:
    """What was found at a step."""
    return sentences(language)[step.key][step.outcome.value.lower()]
