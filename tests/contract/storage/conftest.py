"""A folder mounted as a bucket, with one object in it."""

import contextlib
import tempfile
from pathlib import Path

import pytest

from exr_inspector.settings import load_settings
from exr_inspector.storage import SourceOpener

DATA = bytes(range(256))


def write(folder, *keys):
    """Write files, and the folders that they need."""
    for key in keys:
        (folder / key).parent.mkdir(parents=True, exist_ok=True)
        (folder / key).write_bytes(DATA)


def mounted(folder):
    """An opener with the folder as the bucket `b`."""
    return contextlib.closing(SourceOpener(load_settings({"EXR_MOUNTS": f"b={folder}"}, secrets_dir=None)))


@pytest.fixture
def folder(tmp_path):
    write(tmp_path, "bucket/a.exr")
    return tmp_path / "bucket"


@pytest.fixture
def opener(folder):
    with mounted(folder) as opener:
        yield opener


@pytest.fixture
def open_folder():
    """A folder with one object that every user may enter: pytest closes the parent of `tmp_path` at the start of every run."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        (folder / "a.exr").write_bytes(DATA)
        yield folder
