"""Listing a bucket or a mounted folder, one page or folder at a time, so that a million objects need no more memory than one.

A prefix is a literal beginning of the key, as in S3. obstore lists whole folders only, so what it lists below the prefix's
last slash is filtered here: a prefix that ends inside a name costs the pages of the folder it is in.

On S3 one key that cannot be addressed (see `keys`) fails the listing of every prefix above it, and the marker object of a
folder (`shots/`) is listed without its slash. In a mounted folder such names are listed, without an ETag, and fail when they
are opened; symbolic links to files are followed inside the folder, links to folders are not.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING

import obstore

from exr_inspector.errors import AccessDenied, BucketUnavailable, ObjectNotFound, SourceError, UnsupportedKey
from exr_inspector.storage.buckets import Bucket, file_error, local_state
from exr_inspector.storage.failures import STORE_ERRORS, Next, judge
from exr_inspector.storage.keys import check_key
from exr_inspector.storage.requests import pause_seconds, pin_of
from exr_inspector.storage.source import ObjectEntry

if TYPE_CHECKING:
    from obstore import ObjectMeta

PAGE_KEYS = 1000


Report = Callable[[str, SourceError], None]


def list_objects(where: Bucket, prefix: str, *, retries: int, report: Report | None = None) -> Iterator[ObjectEntry]:
    """The objects whose keys begin with `prefix`, by rising key on S3, folder by folder in a mounted folder.

    Args:
        where: The bucket.
        prefix: Beginning of the keys.
        retries: Further attempts of a page.
        report: Called with path and error of a file or folder that cannot be looked at; without it the error is raised.

    Raises:
        UnsupportedKey: The prefix, or a key on S3, cannot be addressed.
        SourceError: The store fails; a page is asked for again `retries` times, from where the listing stood.
    """
    folder = prefix.rpartition("/")[0]
    if folder:
        check_key(where.name, folder)
    entries = (
        _s3_entries(where, folder, retries) if where.root is None else _file_entries(where, where.root, folder, report)
    )
    for entry in entries:
        if entry.key.startswith(prefix):
            yield entry


def _s3_entries(where: Bucket, folder: str, retries: int) -> Iterator[ObjectEntry]:
    last: str | None = None
    failures = 0
    while True:
        try:
            for page in obstore.list(where.store, folder or None, offset=last, chunk_size=PAGE_KEYS):
                failures = 0
                yield from map(_entry, page)
                last = page[-1]["path"]
        except STORE_ERRORS as error:
            failure = judge(error, f"{where.name}/{folder}")
        else:
            return
        if isinstance(failure.error, UnsupportedKey):
            raise UnsupportedKey(
                f"{where.name}/{folder} holds a key that cannot be addressed and so cannot be listed: list the folders in it"
            ) from failure.cause
        if failure.next is not Next.AGAIN or failures == retries:
            raise failure.error from failure.cause
        time.sleep(pause_seconds(failures))
        failures += 1


def _entry(meta: ObjectMeta) -> ObjectEntry:
    version = pin_of(meta).version
    return ObjectEntry(meta["path"], version.etag, version.size_bytes, version.mtime)


def _file_entries(where: Bucket, root: Path, folder: str, report: Report | None) -> Iterator[ObjectEntry]:
    waiting = [root / folder]
    while waiting:
        here = waiting.pop()
        try:
            names, folders = _scan(where, here)
        except SourceError as error:
            _reported(f"{where.name}/{here.relative_to(root).as_posix()}", error, report)
            continue
        waiting.extend(reversed(folders))
        for name in names:
            key = name.relative_to(root).as_posix()
            try:
                entry = _file_entry(where, root, key)
            except SourceError as error:
                _reported(f"{where.name}/{key}", error, report)
                continue
            if entry is not None:
                yield entry


def _reported(path: str, error: SourceError, report: Report | None) -> None:
    if report is None or isinstance(
        error, BucketUnavailable
    ):  # the whole share is away: there is nothing to go on with
        raise error
    report(path, error)


def _scan(where: Bucket, folder: Path) -> tuple[Sequence[Path], Sequence[Path]]:
    """(files and links, folders) in `folder`, sorted; empty when it has gone meanwhile or is none."""
    names: list[Path] = []
    folders: list[Path] = []
    try:
        with os.scandir(folder) as found:
            for item in found:
                (folders if item.is_dir(follow_symlinks=False) else names).append(folder / item.name)
    except OSError as error:
        fault = file_error(error, f"{where.name}/{folder.name}")
        if not isinstance(fault, ObjectNotFound):
            raise fault from error
    return sorted(names), sorted(folders)


def _file_entry(where: Bucket, root: Path, key: str) -> ObjectEntry | None:
    try:
        state = local_state(where.name, root, key)
    except (ObjectNotFound, AccessDenied):
        return None  # gone meanwhile, no regular file, or a link that leads out: not an object of this bucket
    try:
        check_key(where.name, key)
        return _entry(obstore.head(where.store, key))
    except UnsupportedKey:
        pass
    except STORE_ERRORS as error:
        failure = judge(error, f"{where.name}/{key}")
        if isinstance(failure.error, ObjectNotFound):
            return None
        if not isinstance(failure.error, UnsupportedKey):
            raise failure.error from failure.cause
    return ObjectEntry(key, None, state.size_bytes, datetime.fromtimestamp(state.mtime_ns / 1e9, timezone.utc))
