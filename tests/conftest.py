"""What every test shares: how hard hypothesis tries, and that what takes long is begun first."""

import os

import pytest
from hypothesis import HealthCheck, settings

# Deadlines measure the machine, not the code. HYPOTHESIS_PROFILE=thorough tries ten times as hard.
settings.register_profile("suite", deadline=None, max_examples=50, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("thorough", deadline=None, max_examples=500, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "suite"))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests marked slow go first: begun last, one of them would leave every other core waiting for it."""
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)
