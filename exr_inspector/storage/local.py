"""A local folder that replaces a bucket, or its keys with a prefix; files are opened relative to its descriptor.

No path is followed twice: each component of a key is opened relative to the folder before it and never through a
symbolic link, so a process that can write into the folder cannot redirect a read to a file outside of it, even during
the read. A link to a target inside the folder is resolved first, and the target is opened in the same way.

The ETag of a file consists of its inode, size, modification time (mtime) and change time (ctime): a change of content
that keeps size and mtime (`rsync --inplace --times`) still changes the ctime, which no program can set.
"""

from __future__ import annotations

import errno
import os
import stat
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from exr_inspector.errors import (
    AccessDenied,
    BucketMissing,
    BucketUnavailable,
    ObjectChanged,
    ObjectNotFound,
    SettingsError,
    SourceError,
)
from exr_inspector.model import ObjectVersion
from exr_inspector.settings import Mount
from exr_inspector.storage.file_system import (
    ABSENT,
    DanglingLink,
    NotRegular,
    file_errors,
    file_state,
    holds_exr,
    identity,
    is_empty,
    is_share,
    is_target_missing,
    regular,
    require_folder,
    retried_if_stale,
    unavailable,
    version_of,
)
from exr_inspector.storage.helpers import Helpers
from exr_inspector.storage.keys import check_file_key, file_key, file_path, key_order
from exr_inspector.storage.objects import FaultReport, Skips
from exr_inspector.storage.ranges import MergedRange
from exr_inspector.storage.requests import Call, RangeAnswer, StoreVersion
from exr_inspector.storage.sequences import is_exr
from exr_inspector.storage.source import ObjectEntry

_MAYBE_LINK = {errno.ELOOP, errno.ENOTDIR, errno.EMLINK}
_FOLDER = getattr(os, "O_PATH", os.O_RDONLY) | os.O_DIRECTORY | os.O_CLOEXEC
_READABLE_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
# O_NONBLOCK, since opening a pipe would wait for a writer forever.
_FILE = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC

T = TypeVar("T")


class FolderBucket:
    """The folder of a mount, as the bucket that it replaces; all its keys begin with the mount's prefix.

    Attributes:
        name: Name of the bucket.
        root: Real path of the folder.
        prefix: The prefix.
        helpers: Threads that call its file system for callers with a deadline.
    """

    def __init__(self, mount: Mount) -> None:
        """Use the folder of a mount; it may be empty while its share is not mounted.

        Raises:
            SettingsError: The folder does not exist.
        """
        self.name = mount.bucket
        self._place = mount.place
        self.prefix = mount.prefix
        self.root = mount.folder.resolve()
        self.helpers = Helpers()
        if not self.root.is_dir():
            raise SettingsError(f"EXR_MOUNTS: {self._place}={mount.folder} is not a folder")
        self._lock = threading.Lock()
        self._identity: tuple[int, int] | None = None  # device and inode of the folder in which the files are
        if self.root == self.root.parent or is_share(self.root):
            self._note_root()

    def check_key(self, key: str) -> None:
        """Return if a file can have this key.

        Raises:
            UnsupportedKey: No file can; the message gives the reason.
        """
        check_file_key(self._place, self._below(key))

    def fetch(self, key: str, ranges: Sequence[MergedRange], pin: StoreVersion | None, call: Call) -> list[RangeAnswer]:
        """As in Bucket."""
        del pin  # compared by the caller, since a file system has no If-Match
        answers = self._ask(lambda: self._read(key, ranges), key, call, f"reading {call.path}")
        call.meter.count(requests=len(ranges), bytes_read=sum(len(answer.data) for answer in answers))
        return answers

    def head(self, key: str, call: Call) -> StoreVersion:
        """As in Bucket."""
        call.meter.count(requests=1)
        return self._ask(lambda: StoreVersion(self._version(key)), key, call, f"looking for {call.path}")

    def entries(
        self, prefix: str, report: FaultReport | None, after: str = "", skips: Skips | None = None
    ) -> Iterator[ObjectEntry]:
        """As in Bucket: folder by folder, by rising key as a store lists them, with folder names ending in a slash.

        Links to files are followed if they stay inside the root. Links to folders are not followed, except the prefix
        itself. Their targets are listed at their own place; a link to a folder outside of the prefix is reported.
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
                found = self._scan(item, listing)
                if any(isinstance(each, ObjectEntry) and is_exr(each.key) for each in found):
                    self._note_root()
                waiting.extend(reversed(found))
            except DanglingLink as error:
                listing.report_or_raise(f"{self.name}/{item}", error)
            except ObjectNotFound:
                continue  # deleted in the meantime, or never existed
            except SourceError as error:
                listing.report_or_raise(f"{self.name}/{item}", error)

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
        """Return a key without the mount's prefix."""
        return key[len(self.prefix) :]

    def _path(self, key: str) -> str:
        """Return the path of a key, relative to the root."""
        return file_path(self._below(key))

    # --- file system calls --------------------------------------------------------------------------------

    def _ask(self, question: Callable[[], T], key: str, call: Call, doing: str) -> T:
        """Return the file system's answer; with a deadline, the call ends by then even if the file system hangs."""

        def ask() -> T:
            try:
                answer = retried_if_stale(question, call.path)
            except AccessDenied:
                self._check_root()
                raise
            except ObjectNotFound:
                self._check_root()
                self._check_absence(key)
                raise
            self._note_root()
            return answer

        return self.helpers.run(ask, deadline=call.deadline, doing=doing)

    def _check_root(self) -> None:
        """Raise if the whole share is missing or locked, rather than the file, since its files must then keep their rows.

        If a share is not mounted, another folder, usually an empty one, is in its place. A share whose Kerberos ticket
        has expired denies access. An empty folder on a mounted network file system counts as a share whose files were
        all deleted.

        Raises:
            BucketMissing: The folder is missing or empty.
            BucketUnavailable: The folder is replaced or locked.
        """
        known = self._known_root()
        try:
            require_folder(self.root, self.name)
            if known is None and is_empty(self.root):
                raise BucketMissing(f"{self.name}: the folder {self.root} is empty; is the share mounted?")
            is_same = known is None or known == identity(self.root)
        except OSError as error:
            raise unavailable(self.name, self.root, error) from error
        if not is_same:
            raise BucketUnavailable(f"{self.name}: the folder {self.root} is now another folder; is the share mounted?")
        if not os.access(self.root, os.X_OK):
            raise BucketUnavailable(f"{self.name}: the folder {self.root} may not be entered; has a ticket expired?")

    def _check_absence(self, key: str) -> None:
        """Raise if a file may be absent because its share is not mounted: a mount point need not be empty.

        The share is mounted if a network file system is, or if the folder contains any OpenEXR file, now or earlier in
        this process, or the first folder of the key.

        Raises:
            BucketMissing: Nothing shows that the share is mounted.
        """
        if self._known_root() is not None:
            return
        with file_errors(f"{self.name}/{key}"):
            is_mounted = os.path.lexists(self.root / self._path(key).partition("/")[0]) or holds_exr(self.root)
        if not is_mounted:
            raise BucketMissing(f"{self.name}: the folder {self.root} contains no OpenEXR file; is the share mounted?")
        self._note_root()

    def _note_root(self) -> None:
        """Note that the folder is the one in which the files are, unless one is known."""
        with self._lock:
            self._identity = self._identity or identity(self.root)

    def _known_root(self) -> tuple[int, int] | None:
        """Return device and inode of the folder in which the files are; None if that is not known of any."""
        with self._lock:
            if self._identity is None and is_share(self.root):
                self._identity = identity(self.root)
            return self._identity

    def _read(self, key: str, ranges: Sequence[MergedRange]) -> list[RangeAnswer]:
        descriptor = self._open(key, _FILE)
        try:
            before = regular(os.fstat(descriptor), f"{self.name}/{key}")
            pieces = [self._piece(descriptor, one.start, one.size) for one in ranges]
            if file_state(os.fstat(descriptor)) != file_state(before):
                raise ObjectChanged(f"{self.name}/{key}: overwritten while it was being read")
        finally:
            os.close(descriptor)
        seen = StoreVersion(version_of(before))
        return [RangeAnswer(piece, seen) for piece in pieces]

    @staticmethod
    def _piece(descriptor: int, start: int, size: int) -> bytes:
        pieces = []
        while size > 0 and (piece := os.pread(descriptor, size, start)):
            pieces.append(piece)
            start += len(piece)
            size -= len(piece)
        return b"".join(pieces)  # no copy of a single piece

    def _version(self, key: str) -> ObjectVersion:
        descriptor = self._open(key, getattr(os, "O_PATH", os.O_RDONLY | os.O_NONBLOCK) | os.O_CLOEXEC)
        try:
            return version_of(regular(os.fstat(descriptor), f"{self.name}/{key}"))
        finally:
            os.close(descriptor)

    def _open(self, key: str, flags: int) -> int:
        """Open `key` beneath the root and return its descriptor; links are followed only if they stay inside the root."""
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
            if error.errno not in ABSENT or not self._is_dangling(path):
                raise
            raise DanglingLink(f"{self.name}/{key}: a link that leads nowhere") from error
        if not real.startswith(f"{root}/"):
            raise AccessDenied(
                f"{self.name}/{key}: a link out of bucket {self.name}'s folder, not followed whatever its rights: copy the file"
            )
        return real[len(root) + 1 :]

    def _is_dangling(self, path: str) -> bool:
        """Whether a path, or a folder above it, is a link whose target does not exist."""
        whole = self.root / path
        above = [folder for folder in whole.parents if folder.is_relative_to(self.root)]
        return any(each.is_symlink() and is_target_missing(each) for each in (whole, *above))

    def _walk(self, path: str, flags: int) -> int:
        try:
            folder = os.open(self.root, _FOLDER)
        except OSError as error:
            raise unavailable(self.name, self.root, error) from error
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
        """Yield the items of a folder, by rising key; keys of folders end in a slash."""
        place = f"{self.name}/{folder.rstrip('/')}"
        with file_errors(place):
            descriptor = self._open(folder.rstrip("/"), _READABLE_FOLDER)
        try:
            with file_errors(place), os.scandir(descriptor) as scan:
                items = [(_key_of(folder, item), item) for item in scan]
            yield sorted(items, key=lambda pair: key_order(pair[0]))
        finally:
            os.close(descriptor)

    def _scan(self, folder: str, listing: _Listing) -> list[ObjectEntry | str]:
        """Return the files and folders in `folder` that belong to a listing, by rising key."""
        found: list[ObjectEntry | str] = []
        with self._items(folder) as items:
            for key, item in items:
                if not listing.holds(key):
                    continue
                if key.endswith("/"):
                    found.append(key)
                    continue
                is_link = item.is_symlink()
                place = f"{self.name}/{key}"
                target = self._linked_folder(key) if is_link else None
                try:
                    if target is None:
                        found += self._entries(item, key, is_link=is_link)
                    elif not listing.includes(target) and not listing.is_excluded(f"{key}/"):
                        place += "/"
                        raise AccessDenied(
                            f"{place}: a link to a folder elsewhere, not followed whatever its rights: name {target} as well"
                        )
                except SourceError as error:
                    listing.report_or_raise(place, error)
        return found

    def _linked_folder(self, key: str) -> str | None:
        """Return the real path of the folder that a link leads to; None for links to anything else or to nothing."""
        try:
            real = Path(os.path.realpath(f"{self.root}/{self._path(key)}", strict=True))
            return str(real) if real.is_dir() else None
        except OSError:
            return None

    def _entries(self, item: os.DirEntry[str], key: str, *, is_link: bool) -> list[ObjectEntry]:
        """Return the entry of a file; empty if it was deleted in the meantime."""
        place = f"{self.name}/{key}"
        try:
            with file_errors(place):
                status = None if is_link else item.stat(follow_symlinks=False)
                found = self._version(key) if status is None else version_of(regular(status, place))
        except (DanglingLink, NotRegular):
            raise
        except ObjectNotFound:
            return []
        return [ObjectEntry(key, found)]


@dataclass(frozen=True, slots=True)
class _Listing:
    """Which part of a folder to list.

    Attributes:
        prefix: The prefix of the keys.
        begin: Only keys that sort after this one, by `key_order`.
        report: Called with what cannot be listed; None to raise it.
        skips: Returns whether a folder is left out; None to leave out none.
        root: Real path of the folder.
    """

    prefix: str
    begin: bytes
    report: FaultReport | None
    skips: Skips | None
    root: str

    def holds(self, key: str) -> bool:
        """Whether a file belongs to the listing, or a folder, given as a key with a final slash, may contain such a file."""
        if not key.startswith(self.prefix):
            return False
        order = key_order(key)
        if key.endswith("/"):
            return (order > self.begin or self.begin.startswith(order)) and not self.is_excluded(key)
        return order > self.begin

    def is_excluded(self, folder: str) -> bool:
        """Whether a folder, a key that ends in a slash, is left out."""
        return self.skips is not None and self.skips(folder)

    def includes(self, folder: str) -> bool:
        """Whether this listing includes a folder, given by its real path."""
        return folder == self.root or folder.startswith(f"{self.root.rstrip('/')}/")

    def report_or_raise(self, path: str, error: SourceError) -> None:
        """Report what cannot be listed; raise it if there is no report, or if the whole share is unavailable."""
        if self.report is None or isinstance(error, BucketUnavailable):
            raise error
        self.report(path, error)


def _key_of(folder: str, item: os.DirEntry[str]) -> str:
    key = f"{folder}{file_key(item.name)}"
    return f"{key}/" if item.is_dir(follow_symlinks=False) else key
