"""The command line ends with one line when the system refuses memory or threads."""

from __future__ import annotations

import sys
from typing import Any

import pytest

from exr_inspector.cli import __main__ as program


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        RuntimeError("can't start new thread"),
        ImportError("lib.so: failed to map segment from shared object"),
    ],
)
def test_a_process_without_memory_ends_with_one_line(
    error: Exception, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def command(**_: Any) -> None:
        raise error

    monkeypatch.setattr(sys, "stdout", sys.stdout)  # `run` replaces it
    monkeypatch.setattr(program, "_naming", lambda *_: command)
    with pytest.raises(SystemExit) as ended:
        program.run()
    said = capsys.readouterr().err
    assert ended.value.code == 2
    assert said.startswith("SYSTEM: ")
    assert said.count("\n") == 1
