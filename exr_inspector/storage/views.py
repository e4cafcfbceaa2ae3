"""Two names of a file: its path on the cluster, and its bucket and key (client_views has the paths of clients).

The tables store bucket and key. `EXR_VIEWS` lists the views; if one contains another, the inner one applies.
"""

from __future__ import annotations

from collections.abc import Sequence

from exr_inspector.settings import View


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

    def _view_of(self, bucket: str, key: str) -> View | None:
        return next((view for view in self._by_bucket if view.bucket == bucket and key.startswith(view.prefix)), None)
