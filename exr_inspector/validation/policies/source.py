"""Where the policy comes from: built in, or a YAML object in a bucket or folder, cached and checked for a newer version.

An object's policy is looked at again at most every REFRESH_SECONDS. One that cannot be read or is wrong never replaces one
that works: the last good policy stays, and the fault is logged at every look. Without any good policy, the error is raised.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from pathlib import Path

from exr_inspector.errors import ExrInspectorError, PolicyError
from exr_inspector.settings import Settings, local_path
from exr_inspector.storage import Deadline, SourceOpener
from exr_inspector.validation import Policy, builtin_policy, load_policy

_log = logging.getLogger(__name__)

REFRESH_SECONDS = 60.0
MAX_POLICY_BYTES = 1 << 17


def _url(name: str) -> str:
    """The name as it is opened: a path as it stands, or beside this package if only there is such a file."""
    if "://" in name or local_path(name).exists():
        return name
    beside = Path(__file__).resolve().parents[3] / name
    return str(beside) if beside.is_file() else name


class PolicySource:
    """The policy in force, shared by all threads."""

    def __init__(
        self,
        name: str,
        opener: SourceOpener,
        *,
        logger: logging.Logger = _log,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Take a built-in policy by name, or an object by `s3://bucket/key` or path, which is read now.

        What has a slash or ends in .yaml, .yml or .json is a path; a relative one that is not below the current folder is
        looked for beside this package, where a deployed function has its files.

        Raises:
            PolicyError: If there is no such policy, or it is wrong.
            SourceError: If the object cannot be read.
        """
        self._name = name
        self._opener = opener
        self._log = logger
        self._clock = clock
        self._lock = threading.Lock()
        self._is_object = "/" in name or name.lower().endswith((".yaml", ".yml", ".json"))
        self._url = _url(name) if self._is_object else name
        self._etag: str | None = None
        self._checked_at = clock()
        self._policy = self._load(None) if self._is_object else builtin_policy(name)

    @classmethod
    def from_settings(
        cls, settings: Settings, name: str | None = None, *, logger: logging.Logger = _log
    ) -> PolicySource:
        """As the constructor, by the settings: what events may name is restricted, where the policy lies is not.

        Args:
            settings: How to reach objects, and the policy if `name` does not say.
            name: Another policy than the settings'.
            logger: Gets a line when a policy that worked cannot be read any more.
        """
        unrestricted = settings.changed(allowed_buckets=(), allowed_prefixes=())
        return cls(name or settings.policy, SourceOpener(unrestricted), logger=logger)

    def current(self, *, deadline: Deadline | None = None) -> Policy:
        """The policy to judge by. Only one thread at a time looks for a newer one; the others go on with what is there."""
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
            raise PolicyError(f"{self._name}: longer than {MAX_POLICY_BYTES} bytes, which no policy is")
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
