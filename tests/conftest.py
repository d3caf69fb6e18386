"""Fixtures and reporting for every test; what they do is in tests/support."""

pytest_plugins = [
    "support.certificate_fixtures",
    "support.reporting",
    "support.scheduling",
    "support.stores_fixtures",
    "support.target",
]
