"""Opens objects of S3 buckets, mounted folders and local paths; created once in `init` and shared by all handlers."""

from __future__ import annotations

import io
import os
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from fnmatch import fnmatchcase
from functools import partial
from heapq import merge
from pathlib import Path
from typing import BinaryIO

from exr_inspector.deadline import Deadline
from exr_inspector.errors import BucketMissing, ObjectNotFound
from exr_inspector.model import ObjectVersion
from exr_inspector.settings import Mount, Settings, local_path
from exr_inspector.storage.budget import Meter
from exr_inspector.storage.keys import AllowList, check_bucket_name, check_key, key_order, split_url
from exr_inspector.storage.local import FolderBucket
from exr_inspector.storage.mounts import key_of, mount_of
from exr_inspector.storage.objects import Bucket, FaultReport, ObjectSource, ReadableBucket, Skips, VersionPin
from exr_inspector.storage.requests import Call, Transport
from exr_inspector.storage.s3 import S3Bucket
from exr_inspector.storage.sequences import is_exr
from exr_inspector.storage.source import ObjectEntry, RangeSource

# Names of S3 buckets contain no colon, so these never collide with one.
FILE_BUCKET, FILE_OBJECT_BUCKET, MEMORY_BUCKET = "file:", "object:", "memory:"
# Folders whose files are copies of others: file system snapshots and trash folders.
DEFAULT_EXCLUDES = (
    *(".snapshot", ".snapshots", "~snapshot", "#snapshot", ".zfs", ".Trash", ".Trash-*", ".Trashes"),
    *("$RECYCLE.BIN", "#recycle", "@Recycle", ".recycle"),  # of Windows, Synology, QNAP and Samba
)
MAX_CLIENTS = 64  # S3 clients kept open; beyond that, the least recently used one is dropped


def is_local(bucket: str) -> bool:
    """Whether a bucket stands for local files or for bytes in memory; file objects may be remote."""
    return bucket in {FILE_BUCKET, MEMORY_BUCKET}


class SourceOpener:
    """Opens objects. Thread-safe; keeps one client with its connections per bucket.

    A mounted folder replaces its bucket, or the keys with its prefix, regardless of what the S3 endpoint contains. If
    several match, the longest prefix applies.
    """

    def __init__(self, settings: Settings) -> None:
        """Check the mounts; sends no request.

        Raises:
            SettingsError: A mounted folder does not exist.
        """
        self._settings = settings
        self._allowed = AllowList(settings.allowed_buckets, settings.allowed_prefixes)
        self._lock = threading.Lock()
        self._mounts: dict[str, tuple[FolderBucket, ...]] = {}  # by bucket; long prefixes first
        for mount in sorted(settings.mounts, key=lambda mount: -len(mount.prefix)):
            self._mounts[mount.bucket] = (*self._mounts.get(mount.bucket, ()), FolderBucket(mount))
        # With and without resolved links, since a local path may use either.
        self._folders = [
            replace(mount, folder=Path(folder))
            for mount in settings.mounts
            for folder in (_absolute(mount.folder), os.path.realpath(mount.folder))
        ]
        self._clients: OrderedDict[str, S3Bucket] = OrderedDict()
        self._transport = Transport()

    def close(self) -> None:
        """Stop the background loop; sources that are still open must not be read any more."""
        self._transport.close()

    def open(self, bucket: str, key: str, *, deadline: Deadline | None = None) -> RangeSource:
        """Return a reader of one object. Sends no request: only the first read shows whether the object exists.

        Raises:
            AccessDenied: The settings do not allow the object.
            UnsupportedKey: The key cannot be addressed.
            SettingsError: The bucket is not mounted, and S3 is not configured.
        """
        return _source(self._holder(bucket, key), key, deadline, self._holder)

    def open_url(self, url: str, *, deadline: Deadline | None = None) -> RangeSource:
        """Return a reader of `s3://bucket/key`, taken literally, or of a local path.

        A path inside a mounted folder is an object of that bucket. Any other path is an object of the bucket `file:`;
        its key is the absolute path without the first slash. It is the user's own file, so no setting restricts it.

        Raises:
            SourceError: Another scheme; otherwise as `open`.
        """
        named = split_url(url)
        if named is not None:
            return self.open(*named, deadline=deadline)
        path = _absolute(local_path(url))
        for each in (path, Path(os.path.realpath(path.parent), path.name)) if self._folders else ():
            mount = mount_of(self._folders, each)
            if mount is not None:
                return self.open(mount.bucket, key_of(mount, each), deadline=deadline)
        root = Mount(FILE_BUCKET, Path("/"))
        where, key = FolderBucket(root), key_of(root, path)

        def holder(_: str, beside: str) -> Bucket:
            where.check_key(beside)
            return where

        return _source(holder(FILE_BUCKET, key), key, deadline, holder)

    def open_bytes(self, data: bytes, *, key: str = "bytes.exr") -> RangeSource:
        """Return a reader of bytes in memory, as an object of the bucket `memory:`."""
        from exr_inspector.storage.file_object import FileObjectBucket  # noqa: PLC0415 - not in the function's folder

        check_key(MEMORY_BUCKET, key)
        return _source(FileObjectBucket(MEMORY_BUCKET, io.BytesIO(data)), key)

    def open_file(self, file: BinaryIO) -> RangeSource:
        """Return a reader of a seekable file object in binary mode, as an object of the bucket `object:` with the file's name.

        Raises:
            SourceError: It is not open for reading bytes, or cannot seek.
        """
        from exr_inspector.storage.file_object import FileObjectBucket  # noqa: PLC0415 - not in the function's folder

        name = str(getattr(file, "name", "") or "file object").removeprefix("/")
        return _source(FileObjectBucket(FILE_OBJECT_BUCKET, file), name)

    def head(self, bucket: str, key: str, *, deadline: Deadline | None = None) -> ObjectVersion | None:
        """Return the object's current version, with one request; None if it does not exist, with two or three requests.

        Raises:
            SourceError: As `open` and `RangeSource.read`, except ObjectNotFound.
        """
        where = self._holder(bucket, key)
        try:
            return where.head(key, Call(Meter(), deadline, f"{bucket}/{key}")).version
        except ObjectNotFound:
            return None

    def list(
        self,
        bucket: str,
        prefix: str = "",
        *,
        report: FaultReport | None = None,
        exclude: Sequence[str] = DEFAULT_EXCLUDES,
        after: str = "",
    ) -> Iterator[ObjectEntry]:
        """Yield the objects whose keys begin with `prefix`, by rising `key_order`; pages are requested as they are consumed.

        The prefix is literal text, as in S3.

        Args:
            bucket: The bucket.
            prefix: Prefix of the keys.
            report: Called with path and error of what cannot be listed; without it the error is raised. The path of a
                folder ends in a slash.
            exclude: Patterns of folder names (`*`, `?`, `[abc]`): files in such a folder below the prefix are left out.
            after: Only keys after this one.

        Raises:
            SourceError: As `open`, and if the bucket cannot be listed.
        """
        skips = partial(is_excluded, prefix=prefix, exclude=exclude)
        for entry in self._entries(bucket, prefix, report, after, skips):
            if self.includes(bucket, prefix, entry.key, exclude=exclude):
                yield entry

    def includes(self, bucket: str, prefix: str, key: str, *, exclude: Sequence[str] = DEFAULT_EXCLUDES) -> bool:
        """Whether `list` yields an object with this key, if it exists."""
        return not is_excluded(key, prefix=prefix, exclude=exclude) and self._allowed.admits(bucket, key)

    def any_exr(self, bucket: str, prefix: str) -> str | None:
        """Return the key of one OpenEXR file whose key begins with `prefix`; None if there certainly is none.

        The bucket and each folder mounted in it are listed separately, so that a missing one hides no object of the others.

        Raises:
            AccessDenied: The settings do not allow all objects with the prefix.
            SourceError: As `open`, and if something cannot be listed.
        """
        self._allowed.check(bucket, prefix)
        outer, inner = self._holders(bucket, prefix)
        for where in (outer, *inner):
            with suppress(BucketMissing):
                for entry in where.entries(prefix, None):
                    if is_exr(entry.key) and (self._folder(bucket, entry.key) or where) is where:
                        return entry.key
        return None

    def folders(self, bucket: str, prefix: str = "") -> Sequence[str]:
        """Return the folders directly below a folder, as keys that end in a slash, by rising key.

        Args:
            bucket: The bucket.
            prefix: A folder as a key that ends in a slash, or empty.

        Raises:
            SourceError: As `open`, and if the folder cannot be listed.
        """
        outer, inner = self._holders(bucket, prefix)
        below = {prefix + each.prefix[len(prefix) :].partition("/")[0] + "/" for each in inner}
        return sorted(below.union(outer.folders(prefix)), key=key_order)

    def is_mounted(self, bucket: str, key: str) -> bool:
        """Whether an object is a file of a mounted folder."""
        return self._folder(bucket, key) is not None

    # --- buckets and mounts of keys -----------------------------------------------------------------------

    def _holder(self, name: str, key: str) -> Bucket:
        """Return the bucket or folder that contains an object.

        Raises:
            AccessDenied: The settings do not allow the object.
            SourceError: It cannot be addressed there.
        """
        self._allowed.check(name, key)
        mounted = self._folder(name, key)
        if mounted is not None:
            mounted.check_key(key)
            return mounted
        check_bucket_name(name)
        check_key(name, key)
        return self._client(name)

    def _holders(self, name: str, prefix: str) -> tuple[Bucket, tuple[FolderBucket, ...]]:
        """Return the bucket or folder that contains the objects with a prefix, and the mounts that replace some of them."""
        self._allowed.check(name, None)
        outer = self._folder(name, prefix)
        if outer is None:
            check_bucket_name(name)
        below = (each for each in self._mounts.get(name, ()) if each.prefix.startswith(prefix) and each is not outer)
        return outer or self._client(name), tuple(below)

    def _folder(self, name: str, key: str) -> FolderBucket | None:
        return next((each for each in self._mounts.get(name, ()) if key.startswith(each.prefix)), None)

    def _entries(
        self, name: str, prefix: str, report: FaultReport | None, after: str, skips: Skips
    ) -> Iterator[ObjectEntry]:
        """Yield the objects with a prefix, each from its bucket or folder."""
        outer, inner = self._holders(name, prefix)
        if not inner:
            return outer.entries(prefix, report, after, skips)

        def own(where: Bucket) -> Iterator[ObjectEntry]:
            def is_elsewhere(key: str) -> bool:
                return (self._folder(name, key) or where) is not where

            found = where.entries(prefix, report, after, lambda folder: is_elsewhere(folder) or skips(folder))
            return (entry for entry in found if not is_elsewhere(entry.key))

        return merge(*map(own, (outer, *inner)), key=lambda entry: key_order(entry.key))

    def _client(self, name: str) -> Bucket:
        with self._lock:
            if name not in self._clients:
                self._clients[name] = S3Bucket(name, self._settings.require_s3(), self._transport)
                if len(self._clients) > MAX_CLIENTS:
                    self._clients.popitem(last=False)
            self._clients.move_to_end(name)
            return self._clients[name]


def _source(
    where: ReadableBucket,
    key: str,
    deadline: Deadline | None = None,
    holder: Callable[[str, str], Bucket] | None = None,
) -> RangeSource:
    return ObjectSource(where, key, deadline, VersionPin(f"{where.name}/{key}"), Meter(), holder=holder)


def is_excluded(key: str, *, prefix: str = "", exclude: Sequence[str] = DEFAULT_EXCLUDES) -> bool:
    """Whether a key is in an excluded folder below a prefix. The key may be that folder itself, ending in a slash."""
    folders = key[prefix.rfind("/") + 1 :].split("/")[:-1]
    return any(fnmatchcase(folder, pattern) for folder in folders for pattern in exclude)


def _absolute(path: Path) -> Path:
    """Return `path` as an absolute path without `..`. Keeps symbolic links, unlike `Path.resolve`: they are part of the key."""
    return Path(os.path.abspath(path))  # noqa: PTH100 - Path has no equivalent
