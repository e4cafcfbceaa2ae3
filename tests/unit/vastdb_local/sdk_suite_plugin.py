"""Plugin for the SDK's own test suite; tests/contract/vastdb_local/test_sdk_suite.py loads it by `-p`."""

import gc
import sys
import time

import pytest

DRIVER = "adbc_driver_vastdb"
SETTLING = (
    10.0  # seconds; longer sleeps of the suite wait for a cluster's background work, which this server does not have
)


def pytest_configure(config):
    """The environment that the suite needs."""
    config.addinivalue_line("markers", "flaky(retries, delay, only_on): marker of a plugin the deselected tests use")
    gc.freeze()
    gc.set_threshold(200_000, 50, 50)  # two of the tests create millions of small objects that stay alive
    sleep = time.sleep
    time.sleep = lambda seconds: sleep(seconds if seconds < SETTLING else 0)


def pytest_runtest_setup(item):
    """Let the SDK open an ADBC connection only in tests of it: in each transaction it costs three requests."""
    if item.path.name.startswith("test_adbc"):
        sys.modules.pop(DRIVER, None)
    else:
        sys.modules[DRIVER] = None


class Check:
    """The two functions of pytest-check that the suite uses."""

    def greater(self, left, right, message=""):
        assert left > right, message

    def is_true(self, value, message=""):
        assert value, message


@pytest.fixture
def check():
    return Check()
