import contextlib
import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from exr_inspector.deadline import Deadline
from exr_inspector.errors import (
    AccessDenied,
    ExrInspectorError,
    ObjectChanged,
    ObjectNotFound,
    SettingsError,
    UnsupportedKey,
)
from exr_inspector.settings import load_settings
from exr_inspector.storage import FILE_BUCKET, SourceOpener
from exr_inspector.storage.buckets import local_bucket
from exr_inspector.storage.budget import Meter
from exr_inspector.storage.objects import ObjectSource, PinHolder
from exr_inspector.storage.transport import Transport
from tests.contract.storage.conftest import DATA


def test_a_mount_that_is_no_folder_is_refused(folder):
    for path in (folder / "nope", folder / "a.exr"):
        with pytest.raises(SettingsError):
            SourceOpener(load_settings({"EXR_MOUNTS": f"b={path}"}, secrets_dir=None))


def test_links_and_pipes(folder, opener, tmp_path):
    (tmp_path / "outside.exr").write_bytes(b"private")
    (tmp_path / "bucket2").mkdir()
    (tmp_path / "bucket2" / "x").write_bytes(b"private")
    (folder / "inside.exr").symlink_to("a.exr")
    (folder / "out.exr").symlink_to(tmp_path / "outside.exr")
    (folder / "up").symlink_to(tmp_path)
    (folder / "sibling").symlink_to("../bucket2")  # its path begins with the mounted folder's
    (folder / "loop").symlink_to("loop")
    (folder / "dangling").symlink_to("nope")
    (folder / "sub").mkdir()
    os.mkfifo(folder / "pipe")
    assert opener.open("b", "inside.exr").read(start=0, end=3) == DATA[:3]
    for key in ("out.exr", "up/outside.exr", "sibling/x"):
        with pytest.raises(AccessDenied):
            opener.open("b", key).read(start=0, end=1)
        with pytest.raises(AccessDenied):
            opener.head("b", key)
    for key in ("loop", "dangling", "sub", "pipe", "a.exr/x", "n" * 300):
        with pytest.raises(ObjectNotFound):
            opener.open("b", key).read(start=0, end=1)
    assert [entry.key for entry in opener.list("b")] == ["a.exr", "inside.exr"]


def test_no_way_out_by_name(opener):
    for key in ("../outside.exr", "/etc/hostname", "x/../../outside.exr"):
        with pytest.raises(UnsupportedKey):
            opener.open("b", key)


def test_a_name_reserved_by_the_client_library(folder, opener):
    (folder / "a.exr#1").write_bytes(DATA)
    with pytest.raises(UnsupportedKey):
        opener.open("b", "a.exr#1").read(start=0, end=1)
    assert {entry.key for entry in opener.list("b")} == {"a.exr", "a.exr#1"}


def test_names_that_are_no_keys_are_listed_and_refused(folder, opener):
    Path(os.fsdecode(os.fsencode(folder) + b"/bad\xff.exr")).write_bytes(DATA)
    (folder / "tab\t.exr").write_bytes(DATA)
    entries = list(opener.list("b"))
    assert [entry.key for entry in entries] == ["a.exr", "bad\udcff.exr", "tab\t.exr"]
    assert entries[1].size_bytes == len(DATA)
    for entry in entries[1:]:
        with pytest.raises(UnsupportedKey):
            opener.open("b", entry.key)


def overwrite(path):
    path.write_bytes(DATA[::-1])


def replace(path):
    other = path.with_suffix(".tmp")
    other.write_bytes(DATA[::-1])
    other.rename(path)


def grow(path):
    with path.open("ab") as file:
        file.write(b"more")


@pytest.mark.parametrize("change", [overwrite, replace, grow])
def test_a_file_changed_between_reads(folder, opener, change):
    source = opener.open("b", "a.exr")
    source.read(start=0, end=10)
    change(folder / "a.exr")
    with pytest.raises(ObjectChanged):
        source.read(start=10, end=20)


def test_a_file_that_grows_while_it_is_read_for_the_first_time(folder):
    class WhileReading(Transport):
        """A request, and then a writer who is faster than whoever looks at the file afterwards."""

        def run(self, work, *, deadline, doing):
            answer = super().run(work, deadline=deadline, doing=doing)
            grow(folder / "a.exr")
            return answer

    transport, soon = WhileReading(), Deadline.after(60)
    source = ObjectSource(local_bucket("b", folder), "a.exr", transport, 0, soon, PinHolder("b/a.exr"), Meter())
    with contextlib.closing(transport), pytest.raises(ObjectChanged):
        source.read(start=0, end=10)


def test_without_a_deadline_a_file_is_read_by_whoever_asks(folder):
    class Refusing(Transport):
        """No loop at all."""

        def run(self, work, *, deadline, doing):
            work.close()
            raise AssertionError(doing)

    with contextlib.closing(SourceOpener(load_settings({"EXR_MOUNTS": f"b={folder}"}, secrets_dir=None))) as opener:
        opener._transport = Refusing()
        source = opener.open("b", "a.exr")
        assert source.read(start=0, end=10) == DATA[:10]
        assert source.version == opener.head("b", "a.exr")
        assert source.read(start=len(DATA), end=len(DATA) + 5) == b""
        assert source.cost.requests == 1
        with pytest.raises(ObjectNotFound):
            opener.open("b", "nope").read(start=0, end=1)
        with pytest.raises(AssertionError, match=r"reading b/a\.exr"):
            opener.open("b", "a.exr", deadline=Deadline.after(60)).read(start=0, end=1)


def test_a_file_gone_between_reads(folder, opener):
    source = opener.open("b", "a.exr")
    source.read(start=0, end=10)
    (folder / "a.exr").unlink()
    with pytest.raises(ObjectNotFound):
        source.read(start=10, end=20)


def test_no_read_mixes_two_contents(folder, opener):
    """A writer rewrites the file in place all the time; whatever is read is of one content or refused."""
    path, size = folder / "big", 1 << 20
    path.write_bytes(b"\x00" * size)
    stop = threading.Event()

    def write():
        value = 0
        while not stop.is_set():
            value = (value + 1) % 256
            path.write_bytes(bytes([value]) * size)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for _ in range(40):
            source = opener.open("b", "big")
            with contextlib.suppress(ObjectChanged):
                pieces = source.read_many([(0, 10), (size // 2, size // 2 + 10)], coalesce_bytes=0)
                assert len(set(b"".join(pieces))) <= 1
    finally:
        stop.set()
        writer.join()


@pytest.mark.skipif(os.getuid() != 0, reason="needs root, to try as somebody else what root may always do")
def test_files_and_folders_that_may_not_be_read(folder, tmp_path):
    (folder / "locked.exr").write_bytes(DATA)
    (folder / "locked.exr").chmod(0)
    (folder / "dir").mkdir()
    (folder / "dir" / "x").write_bytes(DATA)
    (folder / "dir").chmod(0)
    script = """
import json, os, sys
from exr_inspector.errors import ExrInspectorError
from exr_inspector.settings import load_settings
from exr_inspector.storage import SourceOpener
opener = SourceOpener(load_settings({"EXR_MOUNTS": "b=" + sys.argv[1]}, secrets_dir=None))
os.chdir("/")
os.setgid(65534)
os.setuid(65534)
codes = []
for act in (lambda: opener.open("b", "a.exr").read(start=0, end=1), lambda: opener.open("b", "locked.exr").read(start=0, end=1),
            lambda: opener.open("b", "dir/x").read(start=0, end=1), lambda: opener.head("b", "dir/x"),
            lambda: list(opener.list("b"))):
    try:
        act()
        codes.append("ok")
    except ExrInspectorError as error:
        codes.append(error.code)
print(json.dumps(codes))
"""
    for parent in (tmp_path, *tmp_path.parents[:3]):
        if parent != Path("/tmp"):
            parent.chmod(0o755)
    done = subprocess.run([sys.executable, "-c", script, str(folder)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    denied = AccessDenied.code
    assert json.loads(done.stdout) == ["ok", denied, denied, denied, denied]


def test_local_paths(folder, opener, monkeypatch):
    (folder / "sub").mkdir()
    (folder / "sub" / "b c.exr").write_bytes(DATA)
    monkeypatch.chdir(folder / "sub")
    for url in ("b c.exr", "./b c.exr", "../sub/b c.exr", str(folder / "sub" / "b c.exr"), "s3://b/sub/b c.exr"):
        source = opener.open_url(url)
        assert (source.bucket, source.key, source.path) == ("b", "sub/b c.exr", "b/sub/b c.exr")
        assert source.read(start=0, end=2) == DATA[:2]


def test_a_path_outside_every_mount(folder, tmp_path, opener):
    path = tmp_path / "other.exr"
    path.write_bytes(DATA)
    source = opener.open_url(str(path))
    assert source.bucket == FILE_BUCKET
    assert source.path == f"file:{path}"
    assert source.read(start=250, end=300) == DATA[250:]
    with pytest.raises(ObjectNotFound):
        opener.open_url(str(tmp_path / "nope")).read(start=0, end=1)


def test_a_prefix_is_literal(folder, opener):
    for key in ("s/ab.exr", "s/a/1.exr", "s/b.exr", "sa.exr"):
        (folder / key).parent.mkdir(parents=True, exist_ok=True)
        (folder / key).write_bytes(DATA)
    assert [entry.key for entry in opener.list("b", "s/a")] == ["s/ab.exr", "s/a/1.exr"]
    assert [entry.key for entry in opener.list("b", "s")] == ["sa.exr", "s/ab.exr", "s/b.exr", "s/a/1.exr"]
    assert list(opener.list("b", "none/x")) == []
    with pytest.raises(UnsupportedKey):
        list(opener.list("b", "../bucket/"))


def test_restrictions_hold_for_opening_and_listing(folder):
    (folder / "c.exr").write_bytes(DATA)
    environ = {"EXR_MOUNTS": f"b={folder},d={folder}", "EXR_ALLOWED_BUCKETS": "b", "EXR_ALLOWED_PREFIXES": "b/a"}
    opener = SourceOpener(load_settings(environ, secrets_dir=None))
    opener.open("b", "a.exr")
    assert [entry.key for entry in opener.list("b")] == ["a.exr"]
    for act in (lambda: opener.open("b", "c.exr"), lambda: opener.head("d", "a.exr"), lambda: next(opener.list("d"))):
        with pytest.raises(AccessDenied):
            act()


def test_bytes_in_memory(opener):
    source = opener.open_bytes(DATA)
    assert source.read(start=1, end=1000) == DATA[1:]
    assert source.version.size_bytes == 256
    empty = opener.open_bytes(b"")
    assert empty.read(start=0, end=10) == b""
    assert empty.version.size_bytes == 0


def test_every_error_is_ours(opener):
    for key in ("", "nope", "a/b/c", "\x00", "#1", "x" * 5000):
        with pytest.raises(ExrInspectorError):
            opener.open("b", key).read(start=0, end=1)
