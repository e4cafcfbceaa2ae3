"""The option `--paths`: prints paths as objects, as on the cluster, or as on clients.

A command with `paths_option` (`cli.options`) gets a `ShownPaths`, and passes every path that it prints through it once. Error
messages keep the paths by which files were read.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PureWindowsPath

from exr_inspector.errors import SettingsError
from exr_inspector.settings import OBJECTS, load_settings, local_path
from exr_inspector.storage import FILE_BUCKET
from exr_inspector.storage.client_views import ClientViews

KEY, CLUSTER, CLIENT = "key", "cluster", "client"
FORMS = (KEY, CLUSTER, CLIENT)
# Columns of the tables that hold <bucket>/<key>, or the beginning of it.
PATH_COLUMNS = frozenset({"path", "file_path", "directory", "sequence", "root", "first_path"})
_URL = "s3://"


@dataclass(frozen=True, slots=True)
class ShownPaths:
    """How a command prints paths. A path outside of all views is unchanged.

    Attributes:
        form: One of FORMS; None to leave all paths unchanged.
        views: The views of EXR_VIEWS.
    """

    form: str | None
    views: ClientViews

    @classmethod
    def of(cls, form: str | None, environ: Mapping[str, str]) -> ShownPaths:
        """The form for a value of `--paths`.

        Raises:
            SettingsError: EXR_VIEWS is invalid, or not set although `form` needs it.
        """
        if form is None:
            return cls(None, ClientViews(()))
        views = views_of(environ)
        if views is None and form != KEY:
            raise SettingsError(f"EXR_VIEWS: not set, needed for --paths {form}")
        return cls(form, views or ClientViews(()))

    def named(self, name: str) -> str:
        """The form of a name that the user gave: a URL or local path of a file, folder or pattern."""
        if self.form is None or not name:
            return name
        url = name if name.startswith(_URL) else self._url_of(name)
        if url is None or self.form == KEY:
            return url or name
        path = url.removeprefix(_URL)
        return self._other(path if name.endswith("/") else path.rstrip("/")) or name

    def stored(self, path: str) -> str:
        """The form of a stored path: bucket and key, or a bucket alone."""
        if self.form is None:
            return path
        if path.startswith(f"{FILE_BUCKET}/"):  # of a file that no bucket holds
            here = path.removeprefix(FILE_BUCKET)
            return path if self._url_of(here) is None else self.named(here)
        return path if self.form == KEY else self._other(path) or path

    def row(self, row: Mapping[str, object]) -> dict[str, object]:
        """A row of a table, with its paths in this form."""
        return {
            name: self.stored(value) if name in PATH_COLUMNS and isinstance(value, str) else value
            for name, value in row.items()
        }

    def _other(self, path: str) -> str | None:
        """The path of `<bucket>/<key>` on the cluster or on a client; None outside of all views."""
        bucket, _, key = path.partition("/")
        name_of = self.views.to_cluster if self.form == CLUSTER else self.views.to_client
        found = name_of(bucket, key)
        if found is None and key:  # the view's own folder, named without a slash at its end
            found = name_of(bucket, f"{key}/")
        return found if found is None or path.endswith("/") else found.rstrip("/\\")

    def _url_of(self, name: str) -> str | None:
        """The URL of a local path, or of a path on a Windows client; None outside of all views."""
        if name.startswith("/") or not PureWindowsPath(name).drive:
            # Links are kept, since a mount may be one.
            whole = os.path.abspath(local_path(name))  # noqa: PTH100
            name = whole + "/" * name.endswith("/")
        return self.views.from_user(name, is_here=lambda _: False)


def views_of(environ: Mapping[str, str]) -> ClientViews | None:
    """The views of EXR_VIEWS; None if it is not set.

    Raises:
        SettingsError: It is invalid.
    """
    text = environ.get("EXR_VIEWS", "")
    if not text.strip():
        return None
    return ClientViews(load_settings({"EXR_VIEWS": text}, secrets_dir=None, use=(OBJECTS,)).views)
