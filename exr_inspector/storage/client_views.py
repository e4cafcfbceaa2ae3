"""The names that clients give to files: paths in their mounts of the cluster's views, and paths on the cluster."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

from exr_inspector.settings import Mount, View
from exr_inspector.storage.views import Views


class ClientViews(Views):
    """Converts also what users type, and the paths of clients. The function knows no clients."""

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

    def to_client(self, bucket: str, key: str) -> str | None:
        """Return the path of an object in the mount of its view's first client; None without a view or a client."""
        view = self._view_of(bucket, key)
        if view is None or not view.clients:
            return None
        root = view.clients[0]
        separator = "\\" if "\\" in root else "/"
        return root.rstrip(separator) + separator + key[len(view.prefix) :].replace("/", separator)


def _has_files(folder: str) -> bool:
    try:
        with os.scandir(folder) as entries:
            return next(entries, None) is not None
    except OSError:
        return False
