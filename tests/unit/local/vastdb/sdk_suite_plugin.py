"""What the SDK's own test suite needs around it here; tests/contract/test_vastdb_sdk_suite.py loads it by `-p`."""

import gc
import time

import pytest

SETTLING = (
    10.0  # seconds; from here on a sleep of the suite waits for a cluster's background work, of which there is none
)


def pytest_configure(config):
    """Each xdist worker gets a bucket of its own, since every test empties the bucket first."""
    config.addinivalue_line("markers", "flaky(retries, delay, only_on): marker of a plugin the deselected tests use")
    worker = getattr(config, "workerinput", {}).get("workerid")
    if worker is not None:
        config.option.tabular_bucket_name += f"-{worker}"
    else:
        config.pluginmanager.register(Deselected())
    gc.freeze()
    gc.set_threshold(200_000, 50, 50)  # two of the tests make millions of small objects that live on
    sleep = time.sleep
    time.sleep = lambda seconds: sleep(seconds if seconds < SETTLING else 0)


def pytest_deselected(items):
    """Every worker deselects the same; tell the one that writes the summary how many."""
    output = getattr(items[0].config, "workeroutput", None)
    if output is not None:
        output["deselected"] = output.get("deselected", 0) + len(items)


class Deselected:
    """Writes the number of deselected tests, which xdist does not."""

    def __init__(self):
        self.count = 0

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node, error):
        self.count = getattr(node, "workeroutput", {}).get("deselected", 0)

    def pytest_terminal_summary(self, terminalreporter):
        terminalreporter.write_line(f"{self.count} deselected")


class Check:
    """The two checks the suite uses of pytest-check."""

    def greater(self, left, right, message=""):
        assert left > right, message

    def is_true(self, value, message=""):
        assert value, message


@pytest.fixture
def check():
    return Check()
