"""A folder mounted as a bucket, with one object in it."""

import contextlib
import tempfile
from pathlib import Path

import pytest

from exr_inspector.settings import load_settings
from exr_inspector.storage import SourceOpener

DATA = bytes(range(256))


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "bucket"
    folder.mkdir()
    (folder / "a.exr").write_bytes(DATA)
    return folder


@pytest.fixture
def opener(folder):
    with contextlib.closing(SourceOpener(load_settings({"EXR_MOUNTS": f"b={folder}"}, secrets_dir=None))) as opener:
        yield opener


@pytest.fixture
def open_folder():
    """A folder with one object that every user may enter: pytest closes the parent of `tmp_path` at the start of every run."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        (folder / "a.exr").write_bytes(DATA)
        yield folder
