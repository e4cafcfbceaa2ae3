"""The three names of a file: its path on the cluster, its bucket and key, and its path in a client's mount of the view.

The tables store bucket and key. `EXR_VIEWS` lists the views; if one contains another, the inner one applies.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from exr_inspector.settings import Mount, View


class Views:
    """Converts between the names of a file."""

    def __init__(self, views: Sequence[View]) -> None:
        self._by_cluster = sorted(views, key=lambda view: -len(view.cluster))
        self._by_bucket = sorted(views, key=lambda view: -len(view.prefix))

    def from_cluster(self, path: str) -> tuple[str, str] | None:
        """Return (bucket, key) of a path on the cluster; None if no view covers it."""
        for view in self._by_cluster:
            if path.startswith(f"{view.cluster}/"):
                return view.bucket, view.prefix + path[len(view.cluster) + 1 :]
        return None

    def from_user(self, text: str, *, is_here: Callable[[str], bool] = os.path.exists) -> str | None:
        """Convert a path on the cluster, or on a client, to `s3://bucket/key`; None for any other text.

        Args:
            text: The user's input; separated by slashes or, below a client's mount with backslashes, by backslashes.
            is_here: Returns whether this machine has a folder; paths below such a folder remain local paths.
        """
        for root, view, below in self._named(text):
            if not is_here(root):
                return f"s3://{view.bucket}/{view.prefix}{below}"
        return None

    def mounted_here(self, text: str) -> str | None:
        """Convert a path on the cluster, or on another client, to the path in a mount of its view on this machine.

        An empty folder is no mount: it may be that of a share that is not mounted now.

        Returns:
            None if no mount of the view is here, or the path is below one already.
        """
        innermost = next(self._named(text), None)
        if innermost is None:
            return None
        root, view, below = innermost
        here = next((name for name in (root, view.cluster, *view.clients) if _has_files(name)), root)
        return None if here == root else f"{here.rstrip('/')}/{below}"

    def _named(self, text: str) -> Iterator[tuple[str, View, str]]:
        """Yield each folder of a view that contains a path, innermost first: the folder, the view, and the rest of the path."""
        names = [(root or "/", view) for view in self._by_cluster for root in (view.cluster, *view.clients)]
        for root, view in sorted(names, key=lambda name: -len(name[0])):
            path = text.replace("\\", "/") if "\\" in root else text
            base = root.replace("\\", "/").rstrip("/")
            if path == base or path.startswith(f"{base}/"):
                yield root, view, path[len(base) + 1 :]

    def mounts(self) -> list[Mount]:
        """Return the mounts of the views that may exist on this machine, by real paths."""
        names = [(Path(root), view) for view in self._by_cluster for root in (view.cluster, *view.clients)]
        return [Mount(view.bucket, root.resolve(), view.prefix) for root, view in names if root.is_absolute()]

    def below_cluster(self, path: str) -> list[tuple[str, str]]:
        """Return (bucket, prefix) of all views below a folder of the cluster, and of the folder itself if a view covers it.

        Args:
            path: Ends in a slash.
        """
        covered = self.from_cluster(path)
        below = [(view.bucket, view.prefix) for view in self._by_cluster if view.cluster.startswith(path)]
        return [covered, *below] if covered else below

    def to_cluster(self, bucket: str, key: str) -> str | None:
        """Return the path of an object or prefix on the cluster; None if no view covers it."""
        view = self._view_of(bucket, key)
        return None if view is None else f"{view.cluster}/{key[len(view.prefix) :]}"

    def to_client(self, bucket: str, key: str) -> str | None:
        """Return the path of an object in the mount of its view's first client; None without a view or a client."""
        view = self._view_of(bucket, key)
        if view is None or not view.clients:
            return None
        root = view.clients[0]
        separator = "\\" if "\\" in root else "/"
        return root.rstrip(separator) + separator + key[len(view.prefix) :].replace("/", separator)

    def _view_of(self, bucket: str, key: str) -> View | None:
        return next((view for view in self._by_bucket if view.bucket == bucket and key.startswith(view.prefix)), None)


def _has_files(folder: str) -> bool:
    try:
        with os.scandir(folder) as entries:
            return next(entries, None) is not None
    except OSError:
        return False
