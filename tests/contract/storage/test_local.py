import contextlib
import errno
import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from exr_inspector.deadline import Deadline
from exr_inspector.errors import (
    AccessDenied,
    BucketUnavailable,
    ExrInspectorError,
    ObjectChanged,
    ObjectNotFound,
    SettingsError,
    SourceUnavailable,
    UnsupportedKey,
)
from exr_inspector.settings import Mount, load_settings
from exr_inspector.storage import FILE_BUCKET, SourceOpener, file_system
from exr_inspector.storage.budget import Meter
from exr_inspector.storage.keys import file_key, key_order
from exr_inspector.storage.local import FolderBucket
from exr_inspector.storage.objects import ObjectSource, VersionPin
from tests.contract.storage.conftest import DATA, mounted, write

NEEDS_ROOT = pytest.mark.skipif(os.getuid() != 0, reason="needs root, to try as somebody else what root may always do")


def printed_by_nobody(script, folder, before=""):
    """What a script prints that a user without rights runs; its `opener` has the folder as the bucket `b`."""
    head = f"""
import json, os, sys
from exr_inspector.errors import ExrInspectorError
from exr_inspector.settings import load_settings
from exr_inspector.storage import SourceOpener
opener = SourceOpener(load_settings({{"EXR_MOUNTS": "b=" + sys.argv[1]}}, secrets_dir=None))
os.chdir("/")
{before}
os.setgid(65534)
os.setuid(65534)
"""
    line = [sys.executable, "-c", head + script, str(folder)]
    done = subprocess.run(line, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_mount_that_is_no_folder_is_refused(folder):
    for path in (folder / "nope", folder / "a.exr"):
        with pytest.raises(SettingsError):
            mounted(path)


def test_links_and_pipes(folder, opener, tmp_path):
    (tmp_path / "outside.exr").write_bytes(b"private")
    (tmp_path / "bucket2").mkdir()
    (tmp_path / "bucket2" / "x").write_bytes(b"private")
    (folder / "inside.exr").symlink_to("a.exr")
    (folder / "out.exr").symlink_to(tmp_path / "outside.exr")
    (folder / "up").symlink_to(tmp_path)
    (folder / "sibling").symlink_to("../bucket2")  # its path begins with that of the mounted folder
    (folder / "loop").symlink_to("loop")
    (folder / "dangling").symlink_to("nope")
    (folder / "long").symlink_to("x" * 4_000)
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
    named = {}
    found = opener.list("b", report=lambda path, error: named.update({path: error.code}))
    assert [entry.key for entry in found] == ["a.exr", "inside.exr"]
    elsewhere = dict.fromkeys(("b/out.exr", "b/up/", "b/sibling/"), AccessDenied.code)
    assert named == elsewhere | dict.fromkeys(("b/loop", "b/dangling", "b/long", "b/pipe"), ObjectNotFound.code)


def test_no_file_stays_open(folder, opener):
    def look():
        assert [entry.key for entry in opener.list("b")] == ["a.exr"]
        with pytest.raises(ObjectNotFound):
            opener.open("b", "b.exr").read(start=0, end=1)
        assert opener.open("b", "a.exr").read(start=0, end=1)

    look()
    before = os.listdir("/proc/self/fd")  # noqa: PTH208 - names only
    for _ in range(3):
        look()
    assert os.listdir("/proc/self/fd") == before  # noqa: PTH208


def test_a_link_to_a_folder_is_named_where_what_it_leads_to_is_not_listed(folder, opener, tmp_path):
    write(folder, "shot/v2/a.exr", "plates/b.exr", "shot/.snapshot/c.exr")
    (folder / "shot" / "latest").symlink_to("v2")
    (folder / "shot" / "v2" / "loop").symlink_to("..")
    (folder / "shot" / "plates.exr").symlink_to("../plates")
    (folder / "shot" / ".snapshot" / "gone.exr").symlink_to("nope")
    (folder / "shot" / ".Trash-1").symlink_to(tmp_path)
    (folder / "shot" / "moved").symlink_to(tmp_path / "a share that is away")
    named = []

    def listed(prefix):
        named.clear()
        return [entry.key for entry in opener.list("b", prefix, report=lambda *fault: named.append(fault))]

    away = ("b/shot/moved", "a link that leads nowhere")
    assert listed("") == ["a.exr", "plates/b.exr", "shot/v2/a.exr"]
    assert [path for path, _ in named] == ["b/shot/moved"]
    assert listed("shot/") == ["shot/v2/a.exr"]
    assert [path for path, _ in named] == ["b/shot/moved", "b/shot/plates.exr/"]
    assert away[1] in str(named[0][1])
    assert str(folder / "plates") in str(named[1][1]), "says which folder to name as well"
    assert listed("shot/v2/") == ["shot/v2/a.exr"]
    assert [path for path, _ in named] == ["b/shot/v2/loop/"]
    assert listed("shot/v2/a") == ["shot/v2/a.exr"]
    assert named == [], "keys with another prefix were not requested"
    assert listed("shot/latest/") == ["shot/latest/a.exr"], "a link that is named itself is followed"
    assert listed("shot/moved/") == []
    assert [path for path, _ in named] == ["b/shot/moved/"]
    with pytest.raises(ObjectNotFound, match="leads nowhere"):
        opener.open("b", "shot/moved/a.exr").read(start=0, end=1)
    with pytest.raises(ObjectNotFound, match="no such file"):
        opener.open("b", "shot/latest/b.exr").read(start=0, end=1)


def test_no_key_leads_out_of_the_folder(opener):
    for key in ("../outside.exr", "/etc/hostname", "x/../../outside.exr"):
        with pytest.raises(UnsupportedKey):
            opener.open("b", key)


def test_a_file_may_have_any_name(folder, opener):
    names = [
        "a.exr#1",
        "tab\t.exr",
        "new\nline.exr",
        os.fsdecode(b"bad\xff.exr"),
        "back\\slash.exr",
        " .exr ",
        r"bad\udcff.exr",
        r"bad\x5cudcff.exr",
        "%2F.exr",
    ]
    for number, name in enumerate(names):
        (folder / name).write_bytes(DATA[number:])
    found = {entry.key: entry.version.size_bytes for entry in opener.list("b")}
    assert set(found) == {"a.exr", *map(file_key, names)}
    for number, name in enumerate(names):
        key = file_key(name)
        assert opener.open("b", key).read(start=0, end=300) == DATA[number:]
        assert opener.head("b", key).size_bytes == found[key] == len(DATA) - number
        assert opener.open_url(str(folder / name)).read(start=0, end=300) == DATA[number:]


@pytest.mark.parametrize("key", [r"\udce2\udc82\udcac.exr", r"\x5c.exr", "\udcff.exr", r"a\udc80\x5cn"])
def test_a_file_has_no_second_key(folder, opener, key):
    write(folder, "€.exr", "\\.exr", "\udcff.exr", "a\udc80\\n")
    with pytest.raises(UnsupportedKey):
        opener.open("b", key)


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
    class WhileReading(FolderBucket):
        """A writer changes the file between reading it and checking it afterwards."""

        def _piece(self, descriptor, start, size):
            piece = super()._piece(descriptor, start, size)
            grow(folder / "a.exr")
            return piece

    source = ObjectSource(WhileReading(Mount("b", folder)), "a.exr", None, VersionPin("b/a.exr"), Meter())
    with pytest.raises(ObjectChanged):
        source.read(start=0, end=10)


def test_content_changed_with_size_and_time_kept_is_another_version(folder, opener):
    path = folder / "a.exr"
    before, times = opener.head("b", "a.exr"), path.stat()
    source = opener.open("b", "a.exr")
    source.read(start=0, end=10)
    time.sleep(0.02)  # more than a tick of the file system's clock
    with path.open("r+b") as file:
        file.write(DATA[::-1])
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    after = opener.head("b", "a.exr")
    assert (after.size_bytes, after.mtime) == (before.size_bytes, before.mtime)
    assert after.etag != before.etag
    assert next(opener.list("b")).version.etag == after.etag
    with pytest.raises(ObjectChanged):
        source.read(start=10, end=20)


def test_without_a_deadline_a_file_is_read_in_the_callers_thread(folder, opener):
    before = threading.active_count()
    source = opener.open("b", "a.exr")
    assert source.read(start=0, end=10) == DATA[:10]
    assert source.version == opener.head("b", "a.exr")
    assert source.read(start=len(DATA), end=len(DATA) + 5) == b""
    assert source.cost.requests == 1
    with pytest.raises(ObjectNotFound):
        opener.open("b", "nope").read(start=0, end=1)
    assert threading.active_count() == before
    opener.open("b", "a.exr", deadline=Deadline.after(60)).read(start=0, end=1)
    assert threading.active_count() == before + 1, "callers with a deadline read in another thread"


def test_a_link_that_changes_repeatedly_never_leads_outside(folder, opener, tmp_path):
    """A writer replaces a folder by a link that leads outside and back, repeatedly; no read returns data from outside."""
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "x.exr").write_bytes(b"private" * 10)
    (folder / "real").mkdir()
    (folder / "real" / "x.exr").write_bytes(DATA)
    (folder / "way").symlink_to("real")
    stop = threading.Event()

    def turn():
        inside = True
        while not stop.is_set():
            inside = not inside
            link = folder / "new"
            link.symlink_to("real" if inside else tmp_path / "outside")
            link.rename(folder / "way")

    writer = threading.Thread(target=turn)
    writer.start()
    seen = []
    try:
        for _ in range(3000):
            with contextlib.suppress(AccessDenied, ObjectNotFound, ObjectChanged):
                seen.append(opener.open("b", "way/x.exr").read(start=0, end=7))
    finally:
        stop.set()
        writer.join()
    assert set(seen) == {DATA[:7]}


def test_a_file_gone_between_reads(folder, opener):
    source = opener.open("b", "a.exr")
    source.read(start=0, end=10)
    (folder / "a.exr").unlink()
    with pytest.raises(ObjectNotFound):
        source.read(start=10, end=20)


def test_no_read_mixes_two_contents(folder, opener):
    """A writer rewrites the file in place repeatedly; every read returns one version, or fails."""
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


@NEEDS_ROOT
def test_files_and_folders_that_may_not_be_read(open_folder):
    folder = open_folder
    write(folder, "locked.exr", "dir/x")
    (folder / "locked.exr").chmod(0)
    (folder / "dir").chmod(0)
    script = """
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
    denied = AccessDenied.code
    assert json.loads(printed_by_nobody(script, folder)) == ["ok", denied, denied, denied, denied]


def test_every_spelling_of_a_path_in_a_mount_is_the_same_object(folder, opener, monkeypatch):
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
    write(folder, "s/ab.exr", "s/a/1.exr", "s/b.exr", "sa.exr")
    assert [entry.key for entry in opener.list("b", "s/a")] == ["s/a/1.exr", "s/ab.exr"]
    assert [entry.key for entry in opener.list("b", "s")] == ["s/a/1.exr", "s/ab.exr", "s/b.exr", "sa.exr"]
    assert list(opener.list("b", "none/x")) == []
    with pytest.raises(UnsupportedKey):
        list(opener.list("b", "../bucket/"))


def test_a_folder_is_listed_by_rising_key_from_any_key_on(folder, opener):
    keys = ["a-b/1.exr", "a.exr", "a/1.exr", "a/b/2.exr", "a0.exr", "ü/3.exr", "z\udcff/4.exr"]
    write(folder, *keys)
    found = [entry.key for entry in opener.list("b")]
    assert found == sorted(map(file_key, keys), key=key_order)
    for index, key in enumerate(found):
        assert [entry.key for entry in opener.list("b", after=key)] == found[index + 1 :]
    assert [entry.key for entry in opener.list("b", "a/", after="a/1.exr")] == ["a/b/2.exr"]
    assert opener.folders("b") == ["a-b/", "a/", "z\\udcff/", "ü/"]
    assert opener.folders("b", "a/") == ["a/b/"]
    assert opener.folders("b", "none/") == []


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
    for key in ("", "nope", "a/b/c", "\x00", "#1", "x" * 5000, "\udcff", "a\nb"):
        with pytest.raises(ExrInspectorError):
            opener.open("b", key).read(start=0, end=1)
    for key in ("\x00/", "\udcff/", "\ud800/", "../", r"\x5c/"):
        for listed in (opener.folders, lambda bucket, prefix: list(opener.list(bucket, prefix))):
            with pytest.raises(UnsupportedKey):
                listed("b", key)


def test_an_empty_folder_is_a_share_that_is_not_mounted(tmp_path):
    root = tmp_path / "share"
    root.mkdir()
    with mounted(root) as opener:
        for act in (
            lambda: opener.open("b", "a.exr").read(start=0, end=1),
            lambda: opener.head("b", "a.exr"),
            lambda: list(opener.list("b")),
            lambda: list(opener.list("b", report=lambda path, error: None)),
        ):
            with pytest.raises(BucketUnavailable, match="mounted"):
                act()
        (root / "a.exr").write_bytes(DATA)  # now it is mounted
        assert opener.open("b", "a.exr").read(start=0, end=300) == DATA
        assert opener.head("b", "gone.exr") is None
        root.rename(tmp_path / "aside")
        root.mkdir()  # and now it is not
        for act in (lambda: opener.head("b", "gone.exr"), lambda: list(opener.list("b"))):
            with pytest.raises(BucketUnavailable):
                act()
        (root / "other").mkdir()  # another folder in its place
        with pytest.raises(BucketUnavailable, match="another"):
            opener.head("b", "gone.exr")


@pytest.mark.failure(
    "raised",
    "a share is not mounted: its folder is another one, or contains neither an OpenEXR file nor the first folder of the key",
    "`SOURCE_BUCKET`; no row is removed",
    "mount the share; `./run db remove`, if its files were deleted",
)
@pytest.mark.parametrize("left", ["lost+found/lost", ".automount", "NOT_MOUNTED", "a/b/notes.txt", "._a.exr"])
def test_a_mount_point_need_not_be_empty(tmp_path, documented, left):
    write(tmp_path, left)
    with mounted(tmp_path) as opener:
        assert [entry.key for entry in opener.list("b")] == [left], "there may never have been a file"
        assert opener.any_exr("b", "") is None
        for key in ("f.exr", "sh010/f.exr"):
            for act in (lambda key=key: opener.head("b", key), opener.open("b", key).read):
                with pytest.raises(BucketUnavailable, match="mounted") as caught:
                    act(**({} if act.__name__ == "<lambda>" else {"start": 0, "end": 1}))
                documented(caught.value.code)
        (tmp_path / "sh010").mkdir()
        assert opener.head("b", "sh010/f.exr") is None, "it was in a folder that is there"
    with mounted(tmp_path) as opener:
        write(tmp_path, "sh020/deep/f.exr")
        assert opener.head("b", "f.exr") is None, "there is another file"


def test_a_folder_in_which_a_file_was_listed_is_known_when_its_last_file_is_gone(folder, opener):
    assert [entry.key for entry in opener.list("b")] == ["a.exr"]
    (folder / "a.exr").unlink()
    assert opener.head("b", "a.exr") is None


def test_a_folder_that_a_file_was_read_from_is_known_when_its_last_file_is_gone(tmp_path):
    root = tmp_path / "share"
    root.mkdir()
    with mounted(root) as opener:
        (root / "a.exr").write_bytes(DATA)
        opener.open("b", "a.exr").read(start=0, end=1)
        (root / "a.exr").unlink()
        assert opener.head("b", "a.exr") is None


MOUNTINFO = r"""22 1 0:21 / / rw,relatime - overlay overlay rw
51 22 0:45 /renders PLACE rw,relatime shared:7 master:1 - KIND files.farm:/renders rw,vers=3
"""


SHARES = "nfs nfs4 cifs smb3 fuse.sshfs lustre gpfs ceph fuse.ceph-fuse fuse.glusterfs beegfs 9p virtiofs"


@pytest.mark.parametrize(
    ("kind", "is_share"), [*((kind, True) for kind in SHARES.split()), ("ext4", False), ("fuse.ntfs-3g", False)]
)
def test_a_share_whose_last_file_is_gone_is_known_by_its_mount(tmp_path, monkeypatch, kind, is_share):
    root = tmp_path / "the share"
    root.mkdir()
    mounts = tmp_path / "mountinfo"
    mounts.write_text(MOUNTINFO.replace("PLACE", str(root).replace(" ", r"\040")).replace("KIND", kind))
    monkeypatch.setattr(file_system, "_MOUNTS", mounts)
    with mounted(root) as opener:
        if is_share:
            assert opener.head("b", "gone.exr") is None
            assert list(opener.list("b")) == []
        else:
            with pytest.raises(BucketUnavailable, match="is empty"):
                opener.head("b", "gone.exr")


def test_an_empty_folder_is_no_share_where_the_system_does_not_tell(tmp_path, monkeypatch):
    monkeypatch.setattr(file_system, "_MOUNTS", tmp_path / "nothing")
    (tmp_path / "share").mkdir()
    with mounted(tmp_path / "share") as opener, pytest.raises(BucketUnavailable):
        opener.head("b", "gone.exr")


@NEEDS_ROOT
def test_what_may_not_be_entered_is_reported_and_the_rest_is_listed(open_folder):
    folder = open_folder
    write(folder, "locked/x.exr", "open/y.exr", "z.exr")
    (folder / "locked").chmod(0o700)
    script = """
named = []
keys = [entry.key for entry in opener.list("b", report=lambda path, error: named.append([path, error.code]))]
print(json.dumps([keys, named]))
"""
    found = json.loads(printed_by_nobody(script, folder))
    assert found == [["a.exr", "open/y.exr", "z.exr"], [["b/locked/", AccessDenied.code]]]


@NEEDS_ROOT
def test_a_share_that_may_not_be_entered_denies_no_file(open_folder):
    script = """
new = SourceOpener(load_settings({"EXR_MOUNTS": "b=" + sys.argv[1]}, secrets_dir=None))
for act in (
    lambda: opener.open("b", "a.exr").read(start=0, end=1),
    lambda: opener.head("b", "gone.exr"),
    lambda: opener.any_exr("b", "sub/"),
    lambda: new.any_exr("b", ""),
):
    try:
        print(act())
    except ExrInspectorError as error:
        print(type(error).__name__, error.retryable)
"""
    found = printed_by_nobody(script, open_folder, before="os.chmod(sys.argv[1], 0o600)")
    assert found.splitlines() == ["BucketUnavailable True"] * 4


def test_a_share_that_goes_away_while_a_file_is_stale_is_no_missing_file(folder, opener, monkeypatch):
    (folder / "stale.exr").write_bytes(DATA)
    assert opener.head("b", "stale.exr")

    def stale(descriptor, size, at):
        folder.rename(folder.parent / "aside")
        folder.mkdir()
        raise OSError(errno.ESTALE, os.strerror(errno.ESTALE))

    monkeypatch.setattr(os, "pread", stale)
    with pytest.raises(BucketUnavailable):
        opener.open("b", "stale.exr").read(start=0, end=1)


def test_a_root_that_cannot_be_opened_is_no_missing_file(folder, opener, monkeypatch):
    def failing(path, *arguments, real=os.open, **options):
        if path == folder:
            raise OSError(errno.ENOENT, "unmounted this very moment")
        return real(path, *arguments, **options)

    monkeypatch.setattr(os, "open", failing)
    with pytest.raises(BucketUnavailable):
        opener.head("b", "a.exr")


@pytest.mark.parametrize("number", [errno.EIO, errno.ESTALE])
def test_a_file_whose_server_fails_is_reported_and_the_rest_is_listed(folder, opener, monkeypatch, number):
    write(folder, "b.exr", "c.exr", "sub/d.exr", "sub/e.exr")
    (folder / "link.exr").symlink_to("b.exr")
    really = os.open

    def failing(path, flags, mode=0o777, *, dir_fd=None):  # what the kernel returns for a broken server
        if path in {"sub", "b.exr"}:
            raise OSError(number, os.strerror(number))
        return really(path, flags, mode, dir_fd=dir_fd)

    monkeypatch.setattr(os, "open", failing)
    named = []
    found = [entry.key for entry in opener.list("b", report=lambda path, error: named.append((path, error.code)))]
    assert found == ["a.exr", "b.exr", "c.exr"]
    assert named == [("b/link.exr", SourceUnavailable.code), ("b/sub/", SourceUnavailable.code)]
    with pytest.raises(SourceUnavailable):
        list(opener.list("b"))
    with pytest.raises(SourceUnavailable):
        opener.open("b", "b.exr").read(start=0, end=1)


def test_a_link_whose_server_fails_is_not_said_to_lead_nowhere(folder, opener, monkeypatch):
    (folder / "link.exr").symlink_to("b.exr")
    really = Path.stat

    def failing(path, *, follow_symlinks=True):
        if path.name == "link.exr" and follow_symlinks:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return really(path, follow_symlinks=follow_symlinks)

    source = opener.open("b", "link.exr")
    with pytest.raises(ObjectNotFound, match="leads nowhere"):
        source.read(start=0, end=1)
    monkeypatch.setattr(Path, "stat", failing)
    with pytest.raises(SourceUnavailable):
        source.read(start=0, end=1)


def test_a_file_handle_that_went_stale_is_opened_once_more(opener, monkeypatch):
    really, stale = os.pread, [True]

    def pread(descriptor, size, start):
        if stale and stale.pop():
            raise OSError(errno.ESTALE, os.strerror(errno.ESTALE))
        return really(descriptor, size, start)

    monkeypatch.setattr(os, "pread", pread)
    assert opener.open("b", "a.exr").read(start=0, end=300) == DATA


def test_copies_of_files_are_left_out_unless_they_are_asked_for(folder, opener):
    copies = [".snapshot/daily/a.exr", "shot/.snapshot/x.exr", ".Trash-0/files/b.exr", "$RECYCLE.BIN/S-1/e.exr"]
    write(folder, *copies, "shot/c.exr", "shot/tmp/d.exr")
    assert [entry.key for entry in opener.list("b")] == ["a.exr", "shot/c.exr", "shot/tmp/d.exr"]
    assert [entry.key for entry in opener.list("b", exclude=("tmp", ".*", "$*"))] == ["a.exr", "shot/c.exr"]
    assert len(list(opener.list("b", exclude=()))) == 7
    assert [entry.key for entry in opener.list("b", ".snapshot/daily/")] == [".snapshot/daily/a.exr"]


def test_times_that_no_calendar_holds_stop_nothing(folder, opener):
    os.utime(folder / "a.exr", ns=(0, -(10**9)))
    assert opener.head("b", "a.exr").mtime.year == 1969
    with contextlib.suppress(OSError):  # not every file system can hold it
        os.utime(folder / "a.exr", ns=(0, 9_000_000_000 * 10**9))
        assert opener.head("b", "a.exr").mtime.year == 2255
