"""A local folder that replaces a bucket, or its keys with a prefix; files are opened relative to its descriptor.

No path is followed twice: each component of a key is opened relative to the folder before it and never through a symbolic
link, so a process that can write into the folder cannot redirect a read to a file outside of it, even during the read. A link
to a target inside the folder is resolved first, and the target is opened in the same way.

The ETag of a file consists of its inode, size, modification time (mtime) and change time (ctime): a change of content that
keeps size and mtime (`rsync --inplace --times`) still changes the ctime, which no program can set.
"""

from __future__ import annotations

import errno
import os
import re
import stat
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import TypeVar

from exr_inspector.errors import (
    AccessDenied,
    BucketUnavailable,
    ObjectChanged,
    ObjectNotFound,
    SettingsError,
    SourceError,
    SourceUnavailable,
)
from exr_inspector.model import EPOCH, ObjectVersion
from exr_inspector.settings import Mount
from exr_inspector.storage.helpers import Helpers
from exr_inspector.storage.keys import check_file_key, file_key, file_path, key_order
from exr_inspector.storage.objects import Report, Skips
from exr_inspector.storage.ranges import MergedRange
from exr_inspector.storage.requests import Call, RangeAnswer, StoreVersion
from exr_inspector.storage.source import ObjectEntry

_ABSENT = {errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENAMETOOLONG, errno.ENXIO}
_KINDS = {stat.S_IFIFO: "a pipe", stat.S_IFSOCK: "a socket", stat.S_IFCHR: "a device", stat.S_IFBLK: "a device"}
_MAYBE_LINK = {errno.ELOOP, errno.ENOTDIR, errno.EMLINK}
_FOLDER = getattr(os, "O_PATH", os.O_RDONLY) | os.O_DIRECTORY | os.O_CLOEXEC
_READABLE_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
# Not waiting: opening a pipe would wait for a writer for ever.
_FILE = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC
_MOUNTS = Path("/proc/self/mountinfo")
_OCTAL = re.compile(r"\\([0-7]{3})")  # spaces and the like in names of places
_NETWORK = ("nfs", "cifs", "smb", "fuse.sshfs", "lustre", "gpfs", "ceph", "glusterfs", "beegfs", "9p", "virtiofs")

T = TypeVar("T")


class DanglingLink(ObjectNotFound):
    """A link leads nowhere: its target was removed, or is on a share that is away."""


class NotRegular(ObjectNotFound):
    """A pipe, a socket, a device or a folder, which is never read: reading one could wait for ever."""


class FolderBucket:
    """The folder of a mount as the bucket that it replaces; all its keys begin with the mount's prefix.

    Attributes:
        root: Real path of the folder.
        prefix: The prefix.
        helpers: Threads that ask its file system for callers with a deadline.
    """

    def __init__(self, mount: Mount) -> None:
        """Take a folder; it may be empty while its share is not mounted.

        Raises:
            SettingsError: There is no such folder.
        """
        self._name = mount.bucket
        self._place = mount.place
        self.prefix = mount.prefix
        self.root = mount.folder.resolve()
        self.helpers = Helpers()
        if not self.root.is_dir():
            raise SettingsError(f"EXR_MOUNTS: {self._place}={mount.folder} is not a folder")
        self._lock = threading.Lock()
        self._identity = _identity(self.root, may_be_empty=is_share(self.root))

    @property
    def name(self) -> str:
        """Name of the bucket."""
        return self._name

    def check_key(self, key: str) -> None:
        """Return if a file can have this name.

        Raises:
            UnsupportedKey: No file can; the message gives the reason.
        """
        check_file_key(self._place, self._below(key))

    def fetch(self, key: str, ranges: Sequence[MergedRange], pin: StoreVersion | None, call: Call) -> list[RangeAnswer]:
        """As in Bucket."""
        del pin  # compared by whoever asks: a file system has no If-Match
        answers = self._ask(lambda: self._read(key, ranges), call, f"reading {call.path}")
        call.meter.count(requests=len(ranges), bytes_read=sum(len(answer.data) for answer in answers))
        return answers

    def head(self, key: str, call: Call) -> StoreVersion:
        """As in Bucket."""
        call.meter.count(requests=1)
        return self._ask(lambda: StoreVersion(self._version(key)), call, f"looking for {call.path}")

    def entries(
        self, prefix: str, report: Report | None, after: str = "", skips: Skips | None = None
    ) -> Iterator[ObjectEntry]:
        """As in Bucket: folder by folder, by rising key as a store lists them, where a folder's name ends in a slash.

        Links to files are followed inside the root. Links to folders are not, but for the prefix itself: what such a link
        leads to is listed where it is, or, if that is outside of the prefix, the link is reported.
        """
        folder = max(prefix[: prefix.rfind("/") + 1], self.prefix, key=len)
        if folder != self.prefix:
            self.check_key(folder.rstrip("/"))
        self._check_root()
        listing = _Listing(prefix, key_order(after), report, skips, os.path.realpath(self.root / self._path(folder)))
        waiting: list[ObjectEntry | str] = [folder]
        while waiting:
            item = waiting.pop()
            if isinstance(item, ObjectEntry):
                yield item
                continue
            try:
                waiting.extend(reversed(self._scan(item, listing)))
            except DanglingLink as error:
                listing.report_or_raise(f"{self._name}/{item}", error)
            except ObjectNotFound:
                continue  # deleted meanwhile, or never there
            except SourceError as error:
                listing.report_or_raise(f"{self._name}/{item}", error)

    def folders(self, prefix: str) -> list[str]:
        """As in Bucket."""
        if prefix != self.prefix:
            self.check_key(prefix.rstrip("/"))
        self._check_root()
        try:
            with self._items(prefix) as found:
                return [key for key, _ in found if key.endswith("/")]
        except ObjectNotFound:
            return []

    def _below(self, key: str) -> str:
        """A key without the mount's prefix."""
        return key[len(self.prefix) :]

    def _path(self, key: str) -> str:
        """The path of a key, relative to the root."""
        return file_path(self._below(key))

    # --- asking the file system ---------------------------------------------------------------------------

    def _ask(self, question: Callable[[], T], call: Call, doing: str) -> T:
        """The answer of the file system; a caller with a deadline does not hang with it."""

        def ask() -> T:
            try:
                return _asked_again_if_stale(question, call.path)
            except (ObjectNotFound, AccessDenied):
                self._check_root()
                raise

        return ask() if call.deadline is None else self.helpers.run(ask, deadline=call.deadline, doing=doing)

    def _check_root(self) -> None:
        """Tell a missing or locked file from a missing or locked share, whose files have to keep their rows.

        Where a share is not mounted lies another folder, mostly an empty one. One whose ticket has expired lets nobody in.
        An empty folder counts as a share whose files were all deleted if a network file system is mounted there.
        """
        known = self._known_root()
        found = _identity(self.root, may_be_empty=True)
        if known is not None and found == known:
            if os.access(self.root, os.X_OK):
                return
            raise BucketUnavailable(f"{self._name}: the folder {self.root} may not be entered; has a ticket expired?")
        what = "is gone" if found is None else "is empty" if known is None else "is another one than before"
        raise BucketUnavailable(f"{self._name}: the folder {self.root} {what}; is the share mounted?")

    def _known_root(self) -> tuple[int, int] | None:
        """Device and inode of the root as they were first seen with something in it; None if they never were."""
        with self._lock:
            self._identity = self._identity or _identity(self.root, may_be_empty=is_share(self.root))
            return self._identity

    def _read(self, key: str, ranges: Sequence[MergedRange]) -> list[RangeAnswer]:
        descriptor = self._open(key, _FILE)
        try:
            before = _regular(os.fstat(descriptor), f"{self._name}/{key}")
            pieces = [self._piece(descriptor, one.start, one.size) for one in ranges]
            if _state(os.fstat(descriptor)) != _state(before):
                raise ObjectChanged(f"{self._name}/{key}: overwritten while it was being read")
        finally:
            os.close(descriptor)
        self._known_root()
        seen = StoreVersion(_version_of(before))
        return [RangeAnswer(piece, seen) for piece in pieces]

    @staticmethod
    def _piece(descriptor: int, start: int, size: int) -> bytes:
        pieces = []
        while size > 0 and (piece := os.pread(descriptor, size, start)):
            pieces.append(piece)
            start += len(piece)
            size -= len(piece)
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def _version(self, key: str) -> ObjectVersion:
        descriptor = self._open(key, getattr(os, "O_PATH", os.O_RDONLY | os.O_NONBLOCK) | os.O_CLOEXEC)
        try:
            return _version_of(_regular(os.fstat(descriptor), f"{self._name}/{key}"))
        finally:
            os.close(descriptor)

    def _open(self, key: str, flags: int) -> int:
        """A descriptor of `key` beneath the root, by way of links only where they stay inside."""
        path = self._path(key)
        try:
            return self._walk(path, flags)
        except OSError as error:
            if error.errno not in _MAYBE_LINK:
                raise
            return self._walk(self._resolved(key, path), flags)

    def _resolved(self, key: str, path: str) -> str:
        root = str(self.root).rstrip("/")
        try:
            real = os.path.realpath(f"{root}/{path}", strict=True)
        except OSError as error:
            if error.errno not in _ABSENT or not self._is_dangling(path):
                raise
            raise DanglingLink(f"{self._name}/{key}: a link that leads nowhere") from error
        if not real.startswith(f"{root}/"):
            raise AccessDenied(f"{self._name}/{key}: leads out of the folder mounted as bucket {self._name}")
        return real[len(root) + 1 :]

    def _is_dangling(self, path: str) -> bool:
        """Whether a path, or a folder above it, is a link that leads nowhere."""
        whole = self.root / path
        above = [folder for folder in whole.parents if folder.is_relative_to(self.root)]
        return any(each.is_symlink() and _leads_nowhere(each) for each in (whole, *above))

    def _walk(self, path: str, flags: int) -> int:
        try:
            folder = os.open(self.root, _FOLDER)
        except OSError as error:
            reason = os.strerror(error.errno or 0)
            raise BucketUnavailable(f"{self._name}: the folder {self.root} cannot be opened ({reason})") from error
        try:
            *above, name = path.split("/")
            for component in above:
                inner = os.open(component, _FOLDER | os.O_NOFOLLOW, dir_fd=folder)
                os.close(folder)
                folder = inner
            found = os.open(name or ".", flags | os.O_NOFOLLOW, dir_fd=folder)
        finally:
            os.close(folder)
        if flags != _FILE and stat.S_ISLNK(os.fstat(found).st_mode):  # O_PATH opens the link itself
            os.close(found)
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
        return found

    # --- listing ------------------------------------------------------------------------------------------

    @contextmanager
    def _items(self, folder: str) -> Iterator[list[tuple[str, os.DirEntry[str]]]]:
        """What is in a folder, by rising key; keys of folders end in a slash."""
        place = f"{self._name}/{folder.rstrip('/')}"
        descriptor = _translated(lambda: self._open(folder.rstrip("/"), _READABLE_FOLDER), place)
        try:
            with _translated(lambda: os.scandir(descriptor), place) as scan:
                items = [(_key_of(folder, item), item) for item in _translated(lambda: list(scan), place)]
                yield sorted(items, key=lambda pair: key_order(pair[0]))
        finally:
            os.close(descriptor)

    def _scan(self, folder: str, listing: _Listing) -> list[ObjectEntry | str]:
        """Files and folders of a listing that are in `folder`, by rising key."""
        found: list[ObjectEntry | str] = []
        with self._items(folder) as items:
            for key, item in items:
                if not listing.holds(key):
                    continue
                if key.endswith("/"):
                    found.append(key)
                    continue
                is_link = item.is_symlink()
                place = f"{self._name}/{key}"
                target = self._linked_folder(key) if is_link else None
                try:
                    if target is None:
                        found += self._entries(item, key, is_link=is_link)
                    elif not listing.lists(target) and not listing.leaves_out(f"{key}/"):
                        place += "/"
                        raise AccessDenied(
                            f"{place}: a link to a folder elsewhere is not followed: name {target} as well"
                        )
                except SourceError as error:
                    listing.report_or_raise(place, error)
        return found

    def _linked_folder(self, key: str) -> str | None:
        """The real path of the folder that a link leads to; None if it leads to something else, or nowhere."""
        try:
            real = Path(os.path.realpath(f"{self.root}/{self._path(key)}", strict=True))
            return str(real) if real.is_dir() else None
        except OSError:
            return None

    def _entries(self, item: os.DirEntry[str], key: str, *, is_link: bool) -> list[ObjectEntry]:
        """The entry of a file; none if it was deleted meanwhile."""

        def version() -> ObjectVersion:
            if is_link:
                return self._version(key)
            return _version_of(_regular(item.stat(follow_symlinks=False), f"{self._name}/{key}"))

        try:
            found = _translated(version, f"{self._name}/{key}")
        except (DanglingLink, NotRegular):
            raise
        except ObjectNotFound:
            return []
        return [ObjectEntry(key, found.etag, found.size_bytes, found.mtime)]


@dataclass(frozen=True, slots=True)
class _Listing:
    """What is listed of a folder.

    Attributes:
        prefix: What its keys begin with.
        begin: Only keys that come after this one, by `key_order`.
        report: Called with what cannot be listed; None to raise it.
        skips: Which folders are left out; None for none.
        root: Real path of the folder.
    """

    prefix: str
    begin: bytes
    report: Report | None
    skips: Skips | None
    root: str

    def holds(self, key: str) -> bool:
        """Whether a key, that of a folder with all below it, is to be listed or holds what is."""
        if not key.startswith(self.prefix):
            return False
        order = key_order(key)
        if key.endswith("/"):
            return (order > self.begin or self.begin.startswith(order)) and not self.leaves_out(key)
        return order > self.begin

    def leaves_out(self, folder: str) -> bool:
        """Whether a folder, a key that ends in a slash, is left out."""
        return self.skips is not None and self.skips(folder)

    def lists(self, folder: str) -> bool:
        """Whether a folder, a real path, is listed where it is."""
        return folder == self.root or folder.startswith(f"{self.root.rstrip('/')}/")

    def report_or_raise(self, path: str, error: SourceError) -> None:
        """Report what cannot be listed; raise it where there is nothing to go on with, since the whole share is away."""
        if self.report is None or isinstance(error, BucketUnavailable):
            raise error
        self.report(path, error)


def _key_of(folder: str, item: os.DirEntry[str]) -> str:
    key = f"{folder}{file_key(item.name)}"
    return f"{key}/" if item.is_dir(follow_symlinks=False) else key


def _identity(folder: Path, *, may_be_empty: bool) -> tuple[int, int] | None:
    """Device and inode of a folder; None if it does not exist or is empty, as when a share is not mounted."""
    try:
        state = folder.stat()
        if not may_be_empty:
            with os.scandir(folder) as found:
                if next(found, None) is None:
                    return None
    except OSError:
        return None
    return state.st_dev, state.st_ino


def _leads_nowhere(link: Path) -> bool:
    """Whether the target of a link cannot be there; any other fault is raised."""
    try:
        link.stat()
    except OSError as error:
        if error.errno not in _ABSENT:
            raise
        return True
    return False


def is_share(folder: Path) -> bool:
    """Whether a network file system is mounted at a folder; False where the system does not tell (proc(5), mountinfo)."""
    try:
        lines = _MOUNTS.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    except OSError:
        return False
    last = None
    for line in lines:  # of several at one place the last one is seen
        before, _, after = line.partition(" - ")
        if _OCTAL.sub(lambda code: chr(int(code[1], 8)), before.split(" ")[4]) == str(folder):
            last = after.split(" ")[0]
    return last is not None and last.startswith(_NETWORK)


def _translated(question: Callable[[], T], path: str) -> T:
    try:
        return question()
    except OSError as error:
        raise file_error(error, path) from error


def _asked_again_if_stale(question: Callable[[], T], path: str) -> T:
    """The answer of the file system; of a file that was replaced on its server, by its name once more."""
    try:
        return question()
    except OSError as error:
        if error.errno != errno.ESTALE:
            raise file_error(error, path) from error
    return _translated(question, path)


def file_error(error: OSError, path: str) -> AccessDenied | ObjectNotFound | SourceUnavailable:
    """What a failed call of the file system means for the object `path`."""
    if isinstance(error, PermissionError):
        return AccessDenied(f"{path}: the file system refuses access")
    if error.errno == errno.ENXIO:
        return NotRegular(f"{path}: a socket or a device, which is not read")
    if error.errno in _ABSENT:
        return ObjectNotFound(f"{path}: no such file")
    if error.errno == errno.EAGAIN:
        return SourceUnavailable(f"{path}: another program holds a lease on the file while it writes")
    return SourceUnavailable(f"{path}: the file system fails ({os.strerror(error.errno or 0)})")


def _regular(state: os.stat_result, path: str) -> os.stat_result:
    if not stat.S_ISREG(state.st_mode):
        raise NotRegular(f"{path}: {_KINDS.get(stat.S_IFMT(state.st_mode), 'not a regular file')}, which is not read")
    return state


def _state(found: os.stat_result) -> tuple[int, int, int, int]:
    """What tells one content of a file from the next; the file system's clock may be coarse, so all of these."""
    return found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


def _version_of(found: os.stat_result) -> ObjectVersion:
    etag = f"{found.st_ino:x}-{found.st_mtime_ns:x}-{found.st_size:x}-{found.st_ctime_ns:x}"
    try:
        mtime = EPOCH + timedelta(microseconds=found.st_mtime_ns // 1000)
    except OverflowError:  # a time that no calendar holds
        mtime = datetime.max.replace(tzinfo=timezone.utc) if found.st_mtime_ns > 0 else EPOCH
    return ObjectVersion(etag, found.st_size, mtime)
