"""Unit tests start no server and no other process: tests that do live in contract/ (servers) and e2e/ (commands)."""

import sys
from collections.abc import Generator
from pathlib import Path
from typing import ClassVar

import pytest
import urllib3  # noqa: F401 - it binds a socket when it is first imported, which must not be the first test's fault

_HERE = Path(__file__).parent
_FORBIDDEN = {
    "socket.bind": "opens a server: move it to tests/contract",
    "subprocess.Popen": "starts a process: move it to tests/e2e",
}


class _Watch:
    """What the running unit test did that unit tests may not do."""

    test = ""
    faults: ClassVar[list[str]] = []


def _audit(event: str, _: tuple[object, ...]) -> None:
    # While the interpreter ends, this module's names become None one by one, and audit events still occur.
    if _Watch is not None and _Watch.test and event in _FORBIDDEN:
        _Watch.faults.append(f"{_Watch.test} {_FORBIDDEN[event]}")


sys.addaudithook(_audit)  # for the rest of the process; silent outside unit tests


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Watch a test and its fixtures. This hook is called for tests of all folders."""
    _Watch.test = item.nodeid if item.path.is_relative_to(_HERE) else ""
    try:
        return (yield)
    finally:
        _Watch.test = ""


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item) -> Generator[None, object, object]:
    """Fail the test that started a server or a process."""
    result = yield
    faults, _Watch.faults = _Watch.faults, []
    assert not faults, "; ".join(sorted(set(faults)))
    return result
