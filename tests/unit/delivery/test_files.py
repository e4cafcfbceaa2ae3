"""Files inspected some at a time."""

from __future__ import annotations

import threading

import pytest

from exr_inspector.delivery.files import READERS, inspect_each
from exr_inspector.model import Inspection


def test_after_ctrl_c_nobody_waits_for_the_files_that_are_being_read() -> None:
    is_read, may_end = threading.Event(), threading.Event()

    def inspect(name: str) -> Inspection:
        if name == "first":
            assert is_read.wait(20)
            raise KeyboardInterrupt
        is_read.set()
        assert may_end.wait(20)
        raise AssertionError("nobody asks for it")

    try:
        with pytest.raises(KeyboardInterrupt):
            list(inspect_each(["first", "second"], inspect))
        assert any(thread.name.startswith(READERS) for thread in threading.enumerate())
    finally:
        may_end.set()
