"""The one object that init builds and handlers share: opens objects of S3 buckets, mounted folders and local paths."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from pathlib import Path

import obstore
from obstore.store import MemoryStore

from exr_inspector.deadline import Deadline
from exr_inspector.errors import ObjectNotFound, SourceError
from exr_inspector.model import ObjectVersion
from exr_inspector.settings import Settings
from exr_inspector.storage.buckets import Bucket, local_bucket, s3_bucket
from exr_inspector.storage.budget import Allowance, Meter
from exr_inspector.storage.helpers import Helpers
from exr_inspector.storage.keys import AllowList, check_key, split_url
from exr_inspector.storage.listing import Report, list_objects
from exr_inspector.storage.objects import ObjectSource, PinHolder
from exr_inspector.storage.requests import Attempts, InPlace, OnLoop, head
from exr_inspector.storage.source import ObjectEntry, RangeSource, ReadBudget
from exr_inspector.storage.transport import Transport, in_place

# Neither can be the name of an S3 bucket: those hold no colon.
FILE_BUCKET = "file:"
MEMORY_BUCKET = "memory:"


class SourceOpener:
    """Opens objects. Thread-safe; keeps one client a bucket, and with it the connections.

    A mounted folder takes the place of the bucket of its name, whatever the S3 endpoint holds.
    """

    def __init__(self, settings: Settings) -> None:
        """Check the mounts; no request is made.

        Raises:
            SettingsError: A mounted folder is not there.
        """
        self._settings = settings
        self._allowed = AllowList(settings.allowed_buckets, settings.allowed_prefixes)
        self._lock = threading.Lock()
        self._buckets = {name: local_bucket(name, folder, Helpers()) for name, folder in settings.mounts}
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
        return self._source(self._bucket(bucket, key), key, budget, deadline)

    def open_url(self, url: str, *, budget: ReadBudget | None = None, deadline: Deadline | None = None) -> RangeSource:
        """A reader of `s3://bucket/key`, literally, or of a local path.

        A path inside a mounted folder is that bucket's object. Any other is an object of the bucket `file:`, its key the
        absolute path without the first slash; it is the user's own file, so no setting restricts it.

        Raises:
            SourceError: Another scheme, and what `open` raises.
        """
        named = split_url(url)
        if named is not None:
            return self.open(*named, budget=budget, deadline=deadline)
        path = _absolute(Path(url).expanduser())
        for name, folder in self._settings.mounts:
            root = _absolute(folder)
            if path.is_relative_to(root):
                return self.open(name, path.relative_to(root).as_posix(), budget=budget, deadline=deadline)
        key = path.as_posix().removeprefix("/")
        check_key(FILE_BUCKET, key)
        return self._source(local_bucket(FILE_BUCKET, Path("/")), key, budget, deadline)

    def open_bytes(self, data: bytes, *, key: str = "bytes.exr", budget: ReadBudget | None = None) -> RangeSource:
        """A reader of bytes in memory, as an object of the bucket `memory:`."""
        check_key(MEMORY_BUCKET, key)
        store = MemoryStore()
        obstore.put(store, key, data)
        return self._source(Bucket(MEMORY_BUCKET, store), key, budget, None)

    def head(self, bucket: str, key: str, *, deadline: Deadline | None = None) -> ObjectVersion | None:
        """Which version of an object is there now, by one request; None when there is none, by two.

        Raises:
            SourceError: What `open` and `RangeSource.read` raise, besides ObjectNotFound.
        """
        where = self._bucket(bucket, key)
        path = f"{bucket}/{key}"
        alone = where.answers_in_place(deadline)
        attempts = Attempts(self._retries, Meter(), deadline, path, InPlace() if alone else OnLoop())
        try:
            where.file_state(key, deadline)
            work = head(where, key, attempts=attempts)
            if alone:
                return in_place(work).version
            return self._transport.run(work, deadline=deadline, doing=f"looking for {path}").version
        except ObjectNotFound:
            # The answer to a HEAD has no body, so a missing bucket looks like a missing object: a GET tells them apart.
            return self._look_closer(where, key, deadline)

    def _look_closer(self, where: Bucket, key: str, deadline: Deadline | None) -> ObjectVersion | None:
        source = self._source(where, key, None, deadline)
        try:
            source.read(start=0, end=1)
        except ObjectNotFound:
            return None
        return source.version

    def list(self, bucket: str, prefix: str = "", *, report: Report | None = None) -> Iterator[ObjectEntry]:
        """The objects whose keys begin with `prefix`, page by page as they are consumed; see `listing`.

        Args:
            bucket: The bucket.
            prefix: Beginning of the keys, literally.
            report: Called with path and error of what cannot be looked at; without it that error is raised.

        Raises:
            SourceError: What `open` raises, and what listing raises.
        """
        where = self._bucket(bucket, None)
        for entry in list_objects(where, prefix, retries=self._retries, report=report):
            if self._allowed.admits(bucket, entry.key):
                yield entry

    @property
    def _retries(self) -> int:
        return 0 if self._settings.s3 is None else self._settings.s3.retries

    def _bucket(self, name: str, key: str | None) -> Bucket:
        self._allowed.check(name, key)
        if key is not None:
            check_key(name, key)
        with self._lock:
            if name not in self._buckets:
                if ":" in name or "/" in name or not name:
                    raise SourceError(f"{name!a} is not the name of a bucket")
                self._buckets[name] = s3_bucket(name, self._settings.require_s3())
            return self._buckets[name]

    def _source(self, where: Bucket, key: str, budget: ReadBudget | None, deadline: Deadline | None) -> ObjectSource:
        path = f"{where.name}/{key}"
        allowances = () if budget is None else (Allowance(budget, path),)
        return ObjectSource(where, key, self._transport, self._retries, deadline, PinHolder(path), Meter(), allowances)


def _absolute(path: Path) -> Path:
    """`path` from the root, without `..`; unlike `Path.resolve` it leaves symbolic links, which belong to the key."""
    return Path(os.path.abspath(path))  # noqa: PTH100 - the point of this function
