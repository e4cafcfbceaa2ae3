"""The one object that init builds and handlers share: opens objects of S3 buckets, mounted folders and local paths."""

from __future__ import annotations

import io
import os
import threading
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from fnmatch import fnmatchcase
from functools import partial
from heapq import merge
from pathlib import Path
from typing import BinaryIO

from exr_inspector.deadline import Deadline
from exr_inspector.errors import ObjectNotFound
from exr_inspector.model import ObjectVersion
from exr_inspector.settings import Mount, Settings, local_path
from exr_inspector.storage.budget import Allowance, Meter
from exr_inspector.storage.file_object import FileObjectBucket
from exr_inspector.storage.keys import AllowList, check_bucket_name, check_key, key_order, split_url
from exr_inspector.storage.local import FolderBucket
from exr_inspector.storage.mounts import key_of, mount_of
from exr_inspector.storage.objects import Bucket, ObjectSource, Report, Skips, VersionPin
from exr_inspector.storage.requests import Call, Transport
from exr_inspector.storage.s3 import S3Bucket
from exr_inspector.storage.source import ObjectEntry, RangeSource, ReadBudget

# None can be the name of an S3 bucket: those hold no colon.
FILE_BUCKET, FILE_OBJECT_BUCKET, MEMORY_BUCKET = "file:", "object:", "memory:"
# Folders whose files are copies of others: snapshots of file systems, and what users threw away.
DEFAULT_EXCLUDES = (".snapshot", ".snapshots", "~snapshot", ".zfs", ".Trash", ".Trash-*", ".Trashes")
MAX_CLIENTS = 64  # S3 clients kept, each with its connections; the one that was not used for longest goes


class SourceOpener:
    """Opens objects. Thread-safe; keeps one client a bucket, and with it the connections.

    A mounted folder takes the place of its bucket, or of the keys with its prefix, whatever the S3 endpoint holds; of several
    the one of the longest prefix.
    """

    def __init__(self, settings: Settings) -> None:
        """Check the mounts; no request is made.

        Raises:
            SettingsError: A mounted folder is not there.
        """
        self._settings = settings
        self._allowed = AllowList(settings.allowed_buckets, settings.allowed_prefixes)
        self._lock = threading.Lock()
        self._mounts: dict[str, tuple[FolderBucket, ...]] = {}  # by bucket; long prefixes first
        for mount in sorted(settings.mounts, key=lambda mount: -len(mount.prefix)):
            self._mounts[mount.bucket] = (*self._mounts.get(mount.bucket, ()), FolderBucket(mount))
        # As they are named, and as they are without links: a local path may name either.
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

    def open(
        self, bucket: str, key: str, *, budget: ReadBudget | None = None, deadline: Deadline | None = None
    ) -> RangeSource:
        """A reader of one object. Makes no request: whether the object is there shows at the first read.

        Raises:
            AccessDenied: The settings do not allow the object.
            UnsupportedKey: The key cannot be addressed.
            SettingsError: The bucket is not mounted, and S3 is not configured.
        """
        return replace(self._source(self._holder(bucket, key), key, budget, deadline), allowed=self._allowed)

    def open_url(self, url: str, *, deadline: Deadline | None = None) -> RangeSource:
        """A reader of `s3://bucket/key`, literally, or of a local path.

        A path inside a mounted folder is that bucket's object. Any other is an object of the bucket `file:`, its key the
        absolute path without the first slash; it is the user's own file, so no setting restricts it.

        Raises:
            SourceError: Another scheme, and what `open` raises.
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
        where.check_key(key)
        return replace(self._source(where, key, None, deadline), allowed=AllowList())

    def open_bytes(self, data: bytes, *, key: str = "bytes.exr", budget: ReadBudget | None = None) -> RangeSource:
        """A reader of bytes in memory, as an object of the bucket `memory:`."""
        check_key(MEMORY_BUCKET, key)
        return self._source(FileObjectBucket(MEMORY_BUCKET, io.BytesIO(data)), key, budget, None)

    def open_file(self, file: BinaryIO) -> RangeSource:
        """A reader of a seekable file object in binary mode, as an object of the bucket `object:` that has its name.

        Raises:
            SourceError: It is not open for reading bytes, or cannot seek.
        """
        name = str(getattr(file, "name", "") or "file object").removeprefix("/")
        return self._source(FileObjectBucket(FILE_OBJECT_BUCKET, file), name, None, None)

    def head(self, bucket: str, key: str, *, deadline: Deadline | None = None) -> ObjectVersion | None:
        """The object's present version, by one request; None if it does not exist, by two or three requests.

        Raises:
            SourceError: What `open` and `RangeSource.read` raise, besides ObjectNotFound.
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
        report: Report | None = None,
        exclude: Sequence[str] = DEFAULT_EXCLUDES,
        after: str = "",
    ) -> Iterator[ObjectEntry]:
        """The objects whose keys begin with `prefix`, by rising `key_order`, page by page as they are consumed.

        A prefix is a literal beginning of the key, as in S3.

        Args:
            bucket: The bucket.
            prefix: Beginning of the keys.
            report: Called with path and error of what cannot be listed; without it that error is raised. The path of a folder
                ends in a slash.
            exclude: Patterns of folder names (`*`, `?`, `[abc]`): files in such a folder below the prefix are left out.
            after: Only keys that come after this one.

        Raises:
            SourceError: What `open` raises, and the bucket cannot be listed.
        """
        skips = partial(is_excluded, prefix=prefix, exclude=exclude)
        for entry in self._entries(bucket, prefix, report, after, skips):
            if self.includes(bucket, prefix, entry.key, exclude=exclude):
                yield entry

    def includes(self, bucket: str, prefix: str, key: str, *, exclude: Sequence[str] = DEFAULT_EXCLUDES) -> bool:
        """Whether `list` shows an object of this key, if there is one."""
        return not is_excluded(key, prefix=prefix, exclude=exclude) and self._allowed.admits(bucket, key)

    def folders(self, bucket: str, prefix: str = "") -> Sequence[str]:
        """The folders directly below a folder, as keys that end in a slash, by rising key.

        Args:
            bucket: The bucket.
            prefix: A folder as a key that ends in a slash, or empty.

        Raises:
            SourceError: What `open` raises, and the folder cannot be listed.
        """
        outer, inner = self._holders(bucket, prefix)
        below = {prefix + each.prefix[len(prefix) :].partition("/")[0] + "/" for each in inner}
        return sorted(below.union(outer.folders(prefix)), key=key_order)

    def is_mounted(self, bucket: str, key: str) -> bool:
        """Whether an object is a file of a mounted folder."""
        return self._folder(bucket, key) is not None

    # --- which place holds a key --------------------------------------------------------------------------

    def _holder(self, name: str, key: str) -> Bucket:
        """Where an object is.

        Raises:
            AccessDenied: The settings do not allow it.
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
        """Where the objects with a prefix are, and the mounts that replace some of them."""
        self._allowed.check(name, None)
        outer = self._folder(name, prefix)
        if outer is None:
            check_bucket_name(name)
        below = (each for each in self._mounts.get(name, ()) if each.prefix.startswith(prefix) and each is not outer)
        return outer or self._client(name), tuple(below)

    def _folder(self, name: str, key: str) -> FolderBucket | None:
        return next((each for each in self._mounts.get(name, ()) if key.startswith(each.prefix)), None)

    def _entries(
        self, name: str, prefix: str, report: Report | None, after: str, skips: Skips
    ) -> Iterator[ObjectEntry]:
        """The objects with a prefix, each from where it is."""
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

    def _source(self, where: Bucket, key: str, budget: ReadBudget | None, deadline: Deadline | None) -> ObjectSource:
        path = f"{where.name}/{key}"
        allowances = () if budget is None else (Allowance(budget, path),)
        return ObjectSource(where, key, deadline, VersionPin(path), Meter(), allowances)


def is_excluded(key: str, *, prefix: str = "", exclude: Sequence[str] = DEFAULT_EXCLUDES) -> bool:
    """Whether an excluded folder below a prefix holds a key, or is that key, which then ends in a slash."""
    folders = key[prefix.rfind("/") + 1 :].split("/")[:-1]
    return any(fnmatchcase(folder, pattern) for folder in folders for pattern in exclude)


def _absolute(path: Path) -> Path:
    """`path` from the root, without `..`; unlike `Path.resolve` it leaves symbolic links, which belong to the key."""
    return Path(os.path.abspath(path))  # noqa: PTH100 - the point of this function
