"""File objects that cannot be read as bytes in any order."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from exr_inspector.errors import SourceError
from exr_inspector.settings import load_settings
from exr_inspector.storage import SourceOpener


def unreadable(folder: Path) -> Iterator[Any]:
    yield io.StringIO("text")
    yield object()
    closed = io.BytesIO(b"bytes")
    closed.close()
    yield closed
    with (folder / "written").open("wb") as file:
        yield file


def test_what_cannot_be_read_as_bytes_is_refused(tmp_path: Path) -> None:
    with contextlib.closing(SourceOpener(load_settings({}, secrets_dir=None))) as opener:
        for file in unreadable(tmp_path):
            with pytest.raises(SourceError):
                opener.open_file(file)
        assert opener.open_file(io.BytesIO(b"bytes")).read(start=1, end=3) == b"yt"
