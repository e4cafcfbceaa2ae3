"""The command line ends with one line of advice when the system refuses memory, threads or access."""

from __future__ import annotations

import sys
from typing import Any

import pytest

from exr_inspector.cli import __main__ as program


@pytest.mark.parametrize(
    ("error", "advice"),
    [
        (MemoryError(), "close other programs"),
        (RuntimeError("can't start new thread"), "close other programs"),
        (ImportError("lib.so: failed to map segment from shared object"), "close other programs"),
        (PermissionError(13, "Permission denied", "a/b.html"), "a/b.html: Permission denied: change the rights"),
    ],
)
def test_what_the_system_refuses_is_one_line(
    error: Exception, advice: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
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
    assert advice in said
    assert said.count("\n") == 1
