"""Settings for all tests: the effort of Hypothesis, and slow tests first."""

import gc
import importlib
import importlib.util
import os
import sys
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from tests.support.decoders import end_shared_decoders, shared_decoders
from tests.support.documented import Documented

gc.disable()  # during collection, which makes few objects that are not kept; see pytest_collection_finish

# No deadline, because it would measure the machine. `./run test unit` uses "quick"; "thorough" has ten times the examples.
settings.register_profile("quick", deadline=None, max_examples=10, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("suite", deadline=None, max_examples=50, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("thorough", deadline=None, max_examples=500, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "suite"))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run tests marked slow first; if one started last, all other cores would wait for it."""
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)


def pytest_collection_finish() -> None:
    """Exempt modules and collected tests from garbage collection, since each look at all of them takes half a second."""
    gc.freeze()
    gc.set_threshold(20_000)  # collections of so many new objects, instead of 700, take a fortieth of the CPU time
    gc.enable()


@pytest.fixture(scope="session", autouse=True)
def _sdk_without_adbc() -> Iterator[None]:
    """Disable VAST's ADBC driver, with which the SDK sends three more requests in each transaction if it is installed.

    The function's sessions do not use it (`catalog/sdk/transport.py`). With this fixture, sessions of `vastdb.connect` do not
    use it either, so tests count the same requests and connections with and without the driver.
    """
    name = "adbc_driver_vastdb"
    if importlib.util.find_spec(name) is None:
        yield
        return
    driver, transaction = importlib.import_module(name), importlib.import_module("vastdb.transaction")
    connect = transaction.AdbcConnection

    def connect_unless_real(*arguments: object, **options: object) -> object:
        if sys.modules.get(name) is driver:
            raise transaction.AdbcDriverVastdbNotInstalledException
        return connect(*arguments, **options)  # a test has replaced the driver

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(transaction, "AdbcConnection", connect_unless_real)
        yield


@pytest.fixture(scope="module", autouse=True)
def _shared_decoders() -> Iterator[None]:
    """Share decoder processes between the tests of this process; a module about these processes overrides this fixture."""
    with shared_decoders():
        yield


def pytest_unconfigure() -> None:
    """End the decoder processes."""
    end_shared_decoders()


def _outcomes(item: pytest.Item) -> list[str]:
    return [mark.args[2] for mark in item.iter_markers("failure")]


@pytest.fixture
def documented(request: pytest.FixtureRequest) -> Documented:
    """The values in the test's entries of docs/failures.md; the test passes the values that it finds."""
    return Documented(_outcomes(request.node))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[object]:
    """Fail a test that has not found every value of its entries in docs/failures.md."""
    result = yield
    if outcomes := _outcomes(item):
        proof = getattr(item, "funcargs", {}).get("documented", Documented(outcomes))
        assert proof.unproved == [], "docs/failures.md states values that this test did not find"
    return result


_MISSING = ("no corpus", "got empty parameter set")


def _must_have_run(report: pytest.TestReport | pytest.CollectReport) -> bool:
    """Whether `CI_FULL=1 .ci/run` provides everything that a skipped test needs: the corpus, or packages of the heavy tests."""
    reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    # A module that is skipped completely has a CollectReport, which has no keywords.
    return "heavy" in getattr(report, "keywords", ()) or any(words in reason for words in _MISSING)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """With EXR_TESTS_MUST_RUN=1, fail the run when a test was skipped because a part is not installed."""
    terminal = session.config.pluginmanager.get_plugin("terminalreporter")
    if terminal is None or os.environ.get("EXR_TESTS_MUST_RUN") != "1":
        return
    skipped = [report for report in terminal.stats.get("skipped", []) if _must_have_run(report)]
    for report in skipped:
        terminal.write_line(f"EXR_TESTS_MUST_RUN=1, but skipped: {report.nodeid}: {report.longrepr}")
    if skipped:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
