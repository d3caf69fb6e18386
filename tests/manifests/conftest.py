"""Fixture `kustomizations`: rendered once for all tests of a worker."""

import pytest
from manifests.kustomize import Kustomizations


@pytest.fixture(scope="session")
def kustomizations(tmp_path_factory: pytest.TempPathFactory) -> Kustomizations:
    """A copy of k8s/ with throwaway secrets, and what is rendered from it."""
    return Kustomizations.copy(tmp_path_factory.mktemp("manifests"))
