"""The Collector refuses before it is full, forwards no attribute that is not on its list, and masks what looks like a person's number."""

import re
from typing import Any

import pytest
from carnet_dev.manifests.objects import load
from carnet_platform.telemetry.registry import ATTRIBUTES
from support.tree import ROOT

COLLECTOR: dict[str, Any] = load((ROOT / "k8s" / "base" / "collector" / "config.yaml").read_text())[0]
JAEGER: dict[str, Any] = load((ROOT / "k8s" / "base" / "jaeger" / "config.yaml").read_text())[0]


@pytest.mark.parametrize("pipeline", COLLECTOR["service"]["pipelines"])
def test_every_pipeline_limits_then_redacts_then_batches(pipeline: str) -> None:
    assert COLLECTOR["service"]["pipelines"][pipeline]["processors"] == ["memory_limiter", "redaction", "batch"]


@pytest.mark.parametrize("configuration", [COLLECTOR, JAEGER], ids=["collector", "jaeger"])
def test_whatever_a_pipeline_names_is_configured(configuration: dict[str, Any]) -> None:
    for pipeline in configuration["service"]["pipelines"].values():
        for kind in ("receivers", "processors", "exporters"):
            assert set(pipeline.get(kind, [])) <= set(configuration[kind])
    assert set(configuration["service"]["extensions"]) == set(configuration["extensions"])


def test_only_what_is_listed_passes() -> None:
    assert COLLECTOR["processors"]["redaction"]["allow_all_keys"] is False


def test_the_list_is_the_registry_of_attributes() -> None:
    assert COLLECTOR["processors"]["redaction"]["allowed_keys"] == sorted(one.name for one in ATTRIBUTES)


@pytest.mark.parametrize("number", ["279035121518989", "2790351215189", "10000000123", "810000000123"])
def test_what_looks_like_a_number_of_a_person_is_masked(number: str) -> None:
    patterns = COLLECTOR["processors"]["redaction"]["blocked_values"]
    assert any(re.search(pattern, f"asked for {number}.") for pattern in patterns)


def test_what_is_no_number_of_a_person_passes() -> None:
    patterns = COLLECTOR["processors"]["redaction"]["blocked_values"]
    for value in ("carnet.documents.v1.DocumentQueryService", "gjnixaapr2zlnwjgxvfuo25ygy", "7101", "documents"):
        assert not any(re.search(pattern, value) for pattern in patterns)
