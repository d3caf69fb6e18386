"""The smoke test of a cluster, on a local run: it finds nothing where all is well, and says what is not."""

from dataclasses import replace

from carnet_dev.cluster.smoke import smoke
from carnet_dev.local_run import LocalRun


async def test_a_system_that_runs_is_without_fault(carnet: LocalRun) -> None:
    assert await smoke(carnet.targets, list(carnet.health.values()), carnet.certificate_folder("software/smoke")) == []


async def test_a_service_that_answers_in_another_ones_place_is_told(carnet: LocalRun) -> None:
    confused = replace(carnet.targets, consent=carnet.targets.audit)
    faults = await smoke(confused, [], carnet.certificate_folder("software/smoke"))
    assert faults == ["consent wants a user: UNIMPLEMENTED, not UNAUTHENTICATED"]
