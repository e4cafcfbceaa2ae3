"""Buckets: an S3 bucket by its keys and endpoint, or a local folder that stands in for one. Makes no request.

obstore's S3 client fills whatever it is not told from `AWS_...` variables. Everything that would change where a request goes
or who signs it is therefore told here; proxies (`HTTPS_PROXY`, `NO_PROXY`) stay under the environment's control.
"""

from __future__ import annotations

import errno
import os
import stat
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit, urlunsplit

from obstore.exceptions import BaseError
from obstore.store import LocalStore, MemoryStore, S3Store

from exr_inspector.deadline import Deadline
from exr_inspector.errors import AccessDenied, BucketUnavailable, ObjectNotFound, SettingsError, SourceUnavailable
from exr_inspector.settings import S3Connection
from exr_inspector.storage.helpers import Helpers
from exr_inspector.storage.proxies import proxy_options

if TYPE_CHECKING:
    from obstore.store import ClientConfig, S3Credential

CONNECT_SECONDS = 5.0
REQUEST_SECONDS = 600.0  # one whole answer, for callers without a deadline
_ABSENT = {errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENAMETOOLONG}


@dataclass(frozen=True, slots=True)
class FileState:
    """What tells one content of a local file from the next; the file system's clock may be coarse, so all three.

    Attributes:
        inode: Identity of the file: renaming another one over it changes this.
        size_bytes: Its size.
        mtime_ns: Time of the last write.
    """

    inode: int
    size_bytes: int
    mtime_ns: int


@dataclass(frozen=True, slots=True)
class Bucket:
    """Where the objects of one bucket are.

    Attributes:
        name: Name of the bucket.
        store: obstore's client for it; thread-safe.
        root: Real path of the folder that stands in for the bucket, None for S3 and memory.
        root_identity: Device and inode of that folder when it was mounted as the bucket.
        helpers: Who asks that folder's file system on behalf of callers with a deadline, None for themselves.
    """

    name: str
    store: S3Store | LocalStore | MemoryStore
    root: Path | None = None
    root_identity: tuple[int, int] | None = None
    helpers: Helpers | None = None

    def answers_in_place(self, deadline: Deadline | None) -> bool:
        """Whether the thread that asks may make a request itself: of a file, for a caller whom no deadline cuts short."""
        return self.root is not None and deadline is None

    def file_state(self, key: str, deadline: Deadline | None = None) -> FileState | None:
        """The state of the local file `key`, None where objects are not files.

        Raises:
            SourceError: What `local_state` raises.
            DeadlineExceeded: A mounted file system does not answer.
            SourceUnavailable: It has not done so for a while.
        """
        if self.root is None:
            return None
        if self.helpers is None or deadline is None:
            return self._state(self.root, key)
        asking = partial(self._state, self.root, key)
        return self.helpers.run(asking, deadline=deadline, doing=f"looking for {self.name}/{key}")

    def _state(self, root: Path, key: str) -> FileState:
        try:
            return local_state(self.name, root, key)
        except ObjectNotFound:
            self._check_root(root)
            raise

    def _check_root(self, root: Path) -> None:
        """Tell a missing file from a missing file system: behind an unmounted folder lies another, empty one."""
        if folder_identity(root) == self.root_identity:
            return
        raise BucketUnavailable(f"{self.name}: the folder that stands in for the bucket is no longer mounted")


def folder_identity(folder: Path) -> tuple[int, int] | None:
    """Device and inode of a folder, None where there is none."""
    try:
        found = folder.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def local_state(name: str, root: Path, key: str) -> FileState:
    """The state of the file `key` of the folder `root` that is mounted as bucket `name`.

    Raises:
        ObjectNotFound: There is none, or it is no regular file (reading a pipe would wait for ever).
        AccessDenied: It lies outside the folder, by a symbolic link, or in one that may not be entered.
        SourceUnavailable: The file system fails.
    """
    try:
        found = _plainly(str(root), key)
        if found is None:
            real = os.path.realpath(root / key, strict=True)
            if real != str(root) and not real.startswith(f"{str(root).rstrip('/')}/"):
                raise AccessDenied(f"{name}/{key}: leads out of the folder mounted as bucket {name}")
            found = os.stat(real)  # noqa: PTH116 - on every read; texts take half the time that Path takes
    except OSError as error:
        raise file_error(error, f"{name}/{key}") from error
    if not stat.S_ISREG(found.st_mode):
        raise ObjectNotFound(f"{name}/{key}: not a regular file")
    return FileState(found.st_ino, found.st_size, found.st_mtime_ns)


def _plainly(root: str, key: str) -> os.stat_result | None:
    """What is at `key` below a real path, None when a link is on the way: one call a component is all that then is needed."""
    path, found = root.rstrip("/"), None
    for component in key.split("/"):
        if component in {"", ".", ".."}:
            return None
        path = f"{path}/{component}"
        found = os.lstat(path)
        if stat.S_ISLNK(found.st_mode):
            return None
    return found


def file_error(error: OSError, path: str) -> AccessDenied | ObjectNotFound | SourceUnavailable:
    """What a failed call of the file system means for the object `path`."""
    if isinstance(error, PermissionError):
        return AccessDenied(f"{path}: the file system refuses access")
    if error.errno in _ABSENT:
        return ObjectNotFound(f"{path}: no such file")
    return SourceUnavailable(f"{path}: the file system fails ({os.strerror(error.errno or 0)})")


def local_bucket(name: str, folder: Path, helpers: Helpers | None = None) -> Bucket:
    """The folder `folder` as bucket `name`, its file system asked by `helpers` where there is a deadline.

    Raises:
        SettingsError: There is no such folder.
    """
    root = folder.resolve()
    if not root.is_dir():
        raise SettingsError(f"EXR_MOUNTS: {name}={folder} is not a folder")
    return Bucket(name, LocalStore(root), root, folder_identity(root), helpers)


def s3_bucket(name: str, connection: S3Connection) -> Bucket:
    """The bucket `name` of an S3 endpoint. obstore's own retries are off: `fetch` retries, counted and within the deadline.

    Raises:
        SettingsError: The CA bundle cannot be read, or the client library refuses what it was told.
    """
    endpoint = _bucket_endpoint(name, connection)

    def credential() -> S3Credential:
        # By a provider, since a session token in AWS_SESSION_TOKEN would otherwise be sent along with our keys.
        return {
            "access_key_id": connection.access_key.reveal(),
            "secret_access_key": connection.secret_key.reveal(),
            "token": None,
            "expires_at": None,
        }

    try:
        store = S3Store(
            name,
            endpoint=endpoint,
            aws_endpoint_url_s3=endpoint,
            region=connection.region,
            virtual_hosted_style_request=connection.virtual_hosted,
            skip_signature=False,
            s3_express=False,
            request_payer=False,
            credential_provider=credential,
            client_options=_client_options(connection),
            retry_config={"max_retries": 0, "retry_timeout": timedelta(seconds=1)},
        )
    except (BaseError, ValueError) as error:
        raise SettingsError(
            f"bucket {name}: no S3 client can be made; check S3_ENDPOINT_URL and S3_CA_BUNDLE"
        ) from error
    return Bucket(name, store)


def _bucket_endpoint(name: str, connection: S3Connection) -> str:
    if not connection.virtual_hosted:
        return connection.endpoint_url
    parts = urlsplit(connection.endpoint_url)
    return urlunsplit(parts._replace(netloc=f"{name}.{parts.netloc}"))


def _client_options(connection: S3Connection) -> ClientConfig:
    seconds = timedelta(seconds=connection.timeout_seconds)
    options: ClientConfig = {
        "allow_http": connection.endpoint_url.startswith("http://"),
        "allow_invalid_certificates": not connection.tls_verify,
        "connect_timeout": min(seconds, timedelta(seconds=CONNECT_SECONDS)),
        "read_timeout": seconds,  # a stalled answer; a slow one that keeps coming is bounded by the deadline
        "timeout": timedelta(seconds=REQUEST_SECONDS),
        **proxy_options(connection.endpoint_url),
    }
    if connection.ca_bundle is not None:
        try:
            options["root_certificate"] = connection.ca_bundle.read_text(encoding="ascii", errors="replace")
        except OSError as error:
            raise SettingsError(f"S3_CA_BUNDLE: {connection.ca_bundle} cannot be read") from error
    return options
