"""What every test shares: how hard hypothesis tries."""

import os

from hypothesis import HealthCheck, settings

# Deadlines measure the machine, not the code. HYPOTHESIS_PROFILE=thorough tries ten times as hard.
settings.register_profile("suite", deadline=None, max_examples=50, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("thorough", deadline=None, max_examples=500, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "suite"))
