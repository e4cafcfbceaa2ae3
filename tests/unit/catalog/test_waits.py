"""The timeout of a database connection is shortened to the remaining time."""

from __future__ import annotations

import socket
import time

import pytest

from exr_inspector.catalog.sdk.transport import _limit_wait


@pytest.mark.parametrize("configured", [None, 60.0])
def test_a_wait_ends_with_the_time_of_the_request(configured: float | None) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.settimeout(configured)
        _limit_wait(ours, None)
        assert ours.gettimeout() == configured
        _limit_wait(ours, time.monotonic() + 30)
        left = ours.gettimeout()
        assert left is not None
        assert 0 < left <= 30
        _limit_wait(ours, time.monotonic() + 40)
        assert ours.gettimeout() == left
        with pytest.raises(TimeoutError):
            _limit_wait(ours, time.monotonic())
