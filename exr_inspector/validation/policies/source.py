"""Load the policy: a built-in profile, or a YAML file or object, which is cached and reloaded when it changes.

A file or object is checked for changes at most every REFRESH_SECONDS. If it cannot be read or is invalid, the last valid policy
stays in force and the error is logged at every check. If there is no valid policy yet, the error is raised.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from pathlib import Path, PurePosixPath

from exr_inspector.deadline import Deadline
from exr_inspector.errors import ExrInspectorError, ObjectNotFound, PolicyError
from exr_inspector.settings import Settings, local_path
from exr_inspector.storage import SourceOpener
from exr_inspector.validation import PROFILES, Policy, builtin_policy, load_policy

_log = logging.getLogger(__name__)

REFRESH_SECONDS = 60.0
MAX_POLICY_BYTES = 1 << 17


def _url(name: str) -> str:
    """The path or URL to open. A relative path is tried in the current folder, then in the folder of this package."""
    if "://" in name or local_path(name).exists():
        return name
    beside = Path(__file__).resolve().parents[3] / name
    return str(beside) if beside.is_file() else name


class PolicySource:
    """The current policy, shared by all threads."""

    def __init__(
        self,
        name: str,
        opener: SourceOpener,
        *,
        logger: logging.Logger = _log,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Load a built-in profile by name, or a policy by path or `s3://bucket/key`.

        A name with a slash, or one that ends in .yaml, .yml or .json, is a path. A relative path that does not exist in the
        current folder is looked up in the folder of this package, where a deployed function has its files.

        Raises:
            PolicyError: The policy does not exist or is invalid.
            SourceError: The object cannot be read.
        """
        self._name = name
        self._opener = opener
        self._log = logger
        self._clock = clock
        self._lock = threading.Lock()
        self._is_object = "/" in name or name.lower().endswith((".yaml", ".yml", ".json"))
        self._url = _url(name) if self._is_object else name
        if self._is_object and "://" not in name and local_path(self._url).is_dir():
            raise PolicyError(f"{name} is a folder, expected a YAML file: name one in it")
        self._etag: str | None = None
        self._checked_at = clock()
        try:
            self._policy = self._load(None) if self._is_object else builtin_policy(name)
        except ObjectNotFound as error:
            profile = PurePosixPath(name).stem
            if profile not in PROFILES:
                raise
            raise ObjectNotFound(f"{error}; the profile of this name is written {profile}, without .yaml") from error

    @classmethod
    def from_settings(
        cls, settings: Settings, name: str | None = None, *, logger: logging.Logger = _log
    ) -> PolicySource:
        """Create the source from the settings. Raises: as the constructor.

        The settings restrict the buckets and prefixes that events may name; the policy may be anywhere.

        Args:
            settings: The access to objects, and the policy unless `name` is given.
            name: A policy to use instead of the settings'.
            logger: Logs an error when the policy cannot be reloaded.
        """
        unrestricted = settings.changed(allowed_buckets=(), allowed_prefixes=())
        return cls(name or settings.policy, SourceOpener(unrestricted), logger=logger)

    def current(self, *, deadline: Deadline | None = None) -> Policy:
        """The current policy. One thread at a time checks for a new version; the others use the cached one meanwhile."""
        due = self._is_object and self._clock() - self._checked_at >= REFRESH_SECONDS
        if due and self._lock.acquire(blocking=False):
            try:
                self._checked_at = self._clock()
                self._policy = self._load(deadline)
            except ExrInspectorError as error:
                self._log.error("[ERROR] %s | code=%s detail=%s", self._name, error.code, error)
            finally:
                self._lock.release()
        return self._policy

    def _load(self, deadline: Deadline | None) -> Policy:
        source = self._opener.open_url(self._url, deadline=deadline)
        raw = source.read(start=0, end=MAX_POLICY_BYTES + 1)
        if len(raw) > MAX_POLICY_BYTES:
            raise PolicyError(f"{self._name}: longer than {MAX_POLICY_BYTES} bytes, the maximum for a policy")
        etag = source.version.etag if source.version else None
        if etag is not None and etag == self._etag:
            return self._policy
        try:
            text = raw.decode()
        except UnicodeDecodeError as error:
            raise PolicyError(f"{self._name}: not UTF-8 at byte {error.start}") from error
        folder = None if "://" in self._url else local_path(self._url).resolve().parent
        policy = load_policy(text, origin=self._name, folder=folder)
        self._etag = etag
        return policy
