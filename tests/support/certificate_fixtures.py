"""Fixture `certificates`: a development authority for the session."""

import pytest
from carnet_dev.certificates import Authority


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """`.folder("consent")` is the folder with that name's key.pem, cert.pem, ca.pem; `.issue(...)` makes wrong ones."""
    return Authority(tmp_path_factory.mktemp("certificates"))
