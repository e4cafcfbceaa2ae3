"""A missing bucket does not mean that its objects were deleted: no row may be removed."""

import shutil
from pathlib import Path

import pytest

from exr_inspector.errors import BucketUnavailable
from exr_inspector.settings import load_settings
from exr_inspector.storage import SourceOpener
from tests.support.s3 import s3_server


def test_a_missing_s3_bucket_is_not_a_missing_object() -> None:
    with s3_server("renders") as s3:
        opener = SourceOpener(load_settings(s3.environ, secrets_dir=None, need=("objects",)))
        with pytest.raises(BucketUnavailable):
            opener.open("elsewhere", "a.exr").read(start=0, end=8)
        with pytest.raises(BucketUnavailable):
            opener.head("elsewhere", "a.exr")
        assert opener.head("renders", "a.exr") is None


def test_a_folder_that_is_no_longer_mounted_is_not_an_empty_bucket(tmp_path: Path) -> None:
    folder = tmp_path / "renders"
    folder.mkdir()
    (folder / "a.exr").write_bytes(b"bytes")
    opener = SourceOpener(load_settings({"EXR_MOUNTS": f"renders={folder}"}, secrets_dir=None, need=("objects",)))
    assert opener.head("renders", "missing.exr") is None
    assert opener.head("renders", "a.exr") is not None
    # When a file system is unmounted, its mount point remains, which is another folder of the same name.
    shutil.move(folder, tmp_path / "unmounted")
    folder.mkdir()
    with pytest.raises(BucketUnavailable):
        opener.head("renders", "a.exr")
    with pytest.raises(BucketUnavailable):
        opener.open("renders", "a.exr").read(start=0, end=8)
    folder.rmdir()
    with pytest.raises(BucketUnavailable):
        opener.head("renders", "a.exr")
