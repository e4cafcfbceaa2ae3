"""Convert between paths in mounted folders and keys of the buckets, or parts of buckets, that the folders replace."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from exr_inspector.settings import Mount
from exr_inspector.storage.keys import file_key, file_path


def mount_of(mounts: Iterable[Mount], path: Path) -> Mount | None:
    """Return the mount whose folder contains a path: the innermost one; of equal folders, the first.

    Args:
        mounts: Mounts, whose folders are compared as written.
        path: An absolute path.
    """
    found = [mount for mount in mounts if path.is_relative_to(mount.folder)]
    return max(found, key=lambda mount: len(mount.folder.parts), default=None)


def merged(*mounts: Iterable[Mount]) -> tuple[Mount, ...]:
    """Return all mounts in one tuple; a later mount replaces an earlier one of the same bucket and prefix."""
    return tuple({(mount.bucket, mount.prefix): mount for each in mounts for mount in each}.values())


def key_of(mount: Mount, path: Path) -> str:
    """Return the key of a path in a mount's folder; for the folder itself, the mount's prefix."""
    below = path.relative_to(mount.folder).as_posix()
    return mount.prefix if below == "." else mount.prefix + file_key(below)


def path_of(mount: Mount, key: str) -> Path:
    """Return the path of a key that begins with a mount's prefix; symbolic links are not resolved."""
    return mount.folder / file_path(key.removeprefix(mount.prefix))
