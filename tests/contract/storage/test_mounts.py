"""A bucket of which folders replace parts: each key is read and listed in the place with the longest prefix."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from exr_inspector.errors import BucketUnavailable, SettingsError, UnsupportedKey
from exr_inspector.settings import load_settings
from exr_inspector.storage import SourceOpener
from tests.support.faulty_s3 import FaultyS3

KEYS = ("a/1.exr", "a/b/2.exr", "a/b/c/3.exr", "a/b/c/d.exr", "a/b-/4.exr", "z.exr")
PREFIXES = ("a/b/", "a/b/c/", "gone/deep/")


@pytest.fixture(params=["folder", "store"])
def opener(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SourceOpener]:
    """The bucket is a folder or an S3 server. Every place has all possible keys, and their contents name the place."""
    mounts = []
    for prefix in ("", *PREFIXES):
        root = tmp_path / f"at{prefix.replace('/', '-')}"
        for key in (*KEYS, "gone/deep/5.exr"):
            if key.startswith(prefix):
                path = root / key.removeprefix(prefix)
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(f"{prefix}:{key}", encoding="ascii")
        mounts += [f"b/{prefix}={root}"]
    with FaultyS3() as s3:
        environ = {"EXR_MOUNTS": ",".join(mounts)}
        if request.param == "store":
            for key in KEYS:
                s3.put("b", key, f":{key}".encode())
            environ = {**s3.environ, "EXR_MOUNTS": ",".join(mounts[1:])}
        with closing(SourceOpener(load_settings(environ, secrets_dir=None))) as made:
            yield made


def holder(key: str) -> str:
    return max(("", *(prefix for prefix in PREFIXES if key.startswith(prefix))), key=len)


def test_keys_are_read_and_listed_where_the_longest_prefix_says(opener: SourceOpener) -> None:
    keys = sorted((*KEYS, "gone/deep/5.exr"))
    for key in keys:
        source = opener.open("b", key)
        assert source.read(start=0, end=99).decode() == f"{holder(key)}:{key}"
        assert source.version == opener.head("b", key)
        assert opener.is_mounted("b", key) or not holder(key)
        beside = opener.open("b", "a/1.exr").beside(key.removeprefix("a/")) if key.startswith("a/") else source
        assert beside.read(start=0, end=99).decode() == f"{holder(key)}:{key}"
    for prefix in ("", "a", "a/", "a/b", "a/b/", "a/b/c", "a/b/c/", "a/b/c/3", "gone/", "gone/deep/", "none"):
        for after in ("", "a/b/2.exr", "a/b/c/", "a/b/d"):
            listed = list(opener.list("b", prefix, after=after))
            assert [entry.key for entry in listed] == [key for key in keys if key.startswith(prefix) and key > after]
            assert all(entry.version.etag == opener.head("b", entry.key).etag for entry in listed)
    for prefix in ("", "a/", "a/b/", "gone/"):
        inner = (key[len(prefix) :] for key in keys if key.startswith(prefix))
        folders = sorted({f"{prefix}{rest.partition('/')[0]}/" for rest in inner if "/" in rest})
        assert opener.folders("b", prefix) == folders


def test_a_local_path_is_the_key_of_the_innermost_folder(tmp_path: Path) -> None:
    outer, inner = tmp_path / "show", tmp_path / "show" / "plates"
    inner.mkdir(parents=True)
    (inner / "a.exr").write_bytes(b"plate")
    (tmp_path / "link").symlink_to(outer)
    settings = load_settings({"EXR_MOUNTS": f"b={outer},c/2026/x={inner}"}, secrets_dir=None)
    with closing(SourceOpener(settings)) as opener:
        for path in (inner / "a.exr", tmp_path / "link" / "plates" / "a.exr"):
            source = opener.open_url(str(path))
            assert (source.path, source.read(start=0, end=9)) == ("c/2026/x/a.exr", b"plate")
        assert opener.open("b", "plates/a.exr").read(start=0, end=9) == b"plate"
        with pytest.raises(UnsupportedKey):
            opener.open("c", "2026/x/../a.exr")
        with pytest.raises(SettingsError, match="S3_ENDPOINT_URL"):
            list(opener.list("c", "2026/"))
        inner.rename(tmp_path / "away")
        with pytest.raises(BucketUnavailable):
            list(opener.list("c", "2026/x/"))
