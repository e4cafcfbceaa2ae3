"""Questions to a file system about folders and files, and its errors as those of this package."""

from __future__ import annotations

import errno
import os
import re
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import TypeVar

from exr_inspector.errors import AccessDenied, BucketMissing, BucketUnavailable, ObjectNotFound, SourceUnavailable
from exr_inspector.model import EPOCH, ObjectVersion
from exr_inspector.storage.sequences import is_exr

ABSENT = {errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENAMETOOLONG, errno.ENXIO}
_KINDS = {
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}
_MOUNTS = Path("/proc/self/mountinfo")
_OCTAL = re.compile(r"\\([0-7]{3})")  # escapes of spaces and similar characters in mount points
_NETWORK = ("nfs", "cifs", "smb", "sshfs", "lustre", "gpfs", "ceph", "glusterfs", "beegfs", "9p", "virtiofs")

T = TypeVar("T")


class DanglingLink(ObjectNotFound):
    """The target of a link does not exist: it was removed, or is on a share that is unavailable."""


class NotRegular(ObjectNotFound):
    """A pipe, a socket, a device or a folder. It is never read, since reading could wait forever."""


def identity(folder: Path) -> tuple[int, int] | None:
    """Return device and inode of a folder; None if it does not exist."""
    try:
        state = folder.stat()
    except OSError:
        return None
    return state.st_dev, state.st_ino


def holds_exr(folder: Path) -> bool:
    """Whether an OpenEXR file is below a folder; what cannot be listed is passed over."""
    return any(is_exr(name) for _, _, names in os.walk(folder) for name in names)


def is_empty(folder: Path) -> bool:
    """Whether a folder contains nothing."""
    with os.scandir(folder) as found:
        return next(found, None) is None


def require_folder(folder: Path, place: str) -> None:
    """Return if the folder of a bucket, or of a part of one, exists.

    Raises:
        BucketMissing: It certainly does not exist.
        BucketUnavailable: It may exist: a folder above it may not be entered, the file system fails, or a link leads nowhere,
            as it does to a share that is not mounted.
    """
    try:
        is_there = stat.S_ISDIR(folder.stat().st_mode)
    except OSError as error:
        raise unavailable(place, folder, error) from error
    if not is_there:
        raise BucketMissing(f"{place}: its folder {folder} does not exist, and a file is in its place")


def unavailable(place: str, folder: Path, error: OSError) -> BucketUnavailable:
    """Convert the error of a file system call about the folder of a bucket."""
    if error.errno in {errno.EACCES, errno.EPERM}:
        return BucketUnavailable(f"{place}: the folder {folder} may not be entered; has a ticket expired?")
    if error.errno not in {errno.ENOENT, errno.ENOTDIR}:
        return BucketUnavailable(f"{place}: the folder {folder} cannot be opened ({os.strerror(error.errno or 0)})")
    deepest = next(path for path in (folder, *folder.parents) if os.path.lexists(path))
    if not deepest.exists():
        return BucketUnavailable(
            f"{place}: the folder {folder} cannot be opened: {deepest} is a link that leads nowhere"
        )
    if deepest == folder:  # it appeared meanwhile
        return BucketUnavailable(f"{place}: the folder {folder} cannot be opened; is the share mounted?")
    return BucketMissing(f"{place}: its folder {folder} does not exist; is the share mounted?")


def is_target_missing(link: Path) -> bool:
    """Whether the target of a link does not exist; any other fault is raised."""
    try:
        link.stat()
    except OSError as error:
        if error.errno not in ABSENT:
            raise
        return True
    return False


def is_share(folder: Path) -> bool:
    """Whether a network file system is mounted at a folder, by proc(5), mountinfo; False on systems without it."""
    try:
        lines = _MOUNTS.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    except OSError:
        return False
    last = None
    for line in lines:  # the last mount at a mount point hides the earlier ones
        before, _, after = line.partition(" - ")
        if _OCTAL.sub(lambda code: chr(int(code[1], 8)), before.split(" ")[4]) == str(folder):
            last = after.split(" ")[0]
    return last is not None and last.removeprefix("fuse.").startswith(_NETWORK)


@contextmanager
def file_errors(path: str) -> Iterator[None]:
    """Replace the error of a file system call that the block raises; see `_file_error`."""
    try:
        yield
    except OSError as error:
        raise _file_error(error, path) from error


def retried_if_stale(call: Callable[[], T], path: str) -> T:
    """Return the file system's answer; repeat the call once by name if the file was replaced on its server."""
    with file_errors(path):
        try:
            return call()
        except OSError as error:
            if error.errno != errno.ESTALE:
                raise
        return call()


def _file_error(error: OSError, path: str) -> AccessDenied | ObjectNotFound | SourceUnavailable:
    """Convert the error of a file system call to an error about the object `path`."""
    if isinstance(error, PermissionError):
        return AccessDenied(f"{path}: the file system refuses access: give this user the right to read it")
    if error.errno == errno.ENXIO:
        return NotRegular(f"{path}: a socket or a device, which is not read")
    if error.errno in ABSENT:
        return ObjectNotFound(f"{path}: no such file")
    if error.errno == errno.EAGAIN:
        return SourceUnavailable(f"{path}: another program holds a lease on the file while it writes")
    return SourceUnavailable(f"{path}: the file system fails ({os.strerror(error.errno or 0)})")


def regular(state: os.stat_result, path: str) -> os.stat_result:
    """Return the state of a regular file.

    Raises:
        NotRegular: It is of another kind.
    """
    if not stat.S_ISREG(state.st_mode):
        raise NotRegular(f"{path}: {_KINDS.get(stat.S_IFMT(state.st_mode), 'not a regular file')}, which is not read")
    return state


def file_state(found: os.stat_result) -> tuple[int, int, int, int]:
    """Return everything that distinguishes versions of a file, since the file system's clock may be coarse."""
    return found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


def version_of(found: os.stat_result) -> ObjectVersion:
    """Return the version of a file, with inode, times and size as its ETag."""
    etag = f"{found.st_ino:x}-{found.st_mtime_ns:x}-{found.st_size:x}-{found.st_ctime_ns:x}"
    try:
        mtime = EPOCH + timedelta(microseconds=found.st_mtime_ns // 1000)
    except OverflowError:  # outside of datetime's range
        mtime = datetime.max.replace(tzinfo=timezone.utc) if found.st_mtime_ns > 0 else EPOCH
    return ObjectVersion(etag, found.st_size, mtime)
