"""Paths of mounted folders, and keys of the buckets that they replace, wholly or from a prefix on."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from exr_inspector.settings import Mount
from exr_inspector.storage.keys import file_key, file_path


def mount_of(mounts: Iterable[Mount], path: Path) -> Mount | None:
    """The mount whose folder holds a path; where one folder lies in another, the inner one; of equal ones the first.

    Args:
        mounts: Mounts, whose folders are compared as they are written.
        path: An absolute path.
    """
    found = [mount for mount in mounts if path.is_relative_to(mount.folder)]
    return max(found, key=lambda mount: len(mount.folder.parts), default=None)


def merged(*mounts: Iterable[Mount]) -> tuple[Mount, ...]:
    """The mounts together; of those of one bucket and prefix the last."""
    return tuple({(mount.bucket, mount.prefix): mount for each in mounts for mount in each}.values())


def key_of(mount: Mount, path: Path) -> str:
    """The key of a path in a mount's folder; of the folder itself the mount's prefix."""
    below = path.relative_to(mount.folder).as_posix()
    return mount.prefix if below == "." else mount.prefix + file_key(below)


def path_of(mount: Mount, key: str) -> Path:
    """The path of a key that begins with a mount's prefix; no link is resolved."""
    return mount.folder / file_path(key.removeprefix(mount.prefix))
