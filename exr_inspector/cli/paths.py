"""Paths of files by their other names: what `--paths` asks for.

A command takes `paths_option` (`exr_inspector.cli.options`), which gives it a `ShownPaths`, and passes every path that it
prints through it once, before the path becomes text, JSON, CSV or a page. Texts of errors keep the names that
files were read by.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PureWindowsPath

from exr_inspector.errors import SettingsError
from exr_inspector.settings import OBJECTS, load_settings, local_path
from exr_inspector.storage import FILE_BUCKET
from exr_inspector.storage.views import Views

KEY, CLUSTER, CLIENT = "key", "cluster", "client"
FORMS = (KEY, CLUSTER, CLIENT)
# Columns of the tables that hold <bucket>/<key>, or the beginning of it.
PATH_COLUMNS = frozenset({"path", "file_path", "directory", "sequence", "root", "first_path"})
_URL = "s3://"


@dataclass(frozen=True, slots=True)
class ShownPaths:
    """How a command prints paths of files; one that no view covers is printed as it is.

    Attributes:
        form: One of FORMS; None for every path as the command has it.
        views: What EXR_VIEWS says.
    """

    form: str | None
    views: Views

    @classmethod
    def of(cls, form: str | None, environ: Mapping[str, str]) -> ShownPaths:
        """What `--paths` asks for.

        Raises:
            SettingsError: EXR_VIEWS cannot be read, or is not there, and without it only keys are known.
        """
        if form is None:
            return cls(None, Views(()))
        views = views_of(environ)
        if views is None and form != KEY:
            raise SettingsError(f"EXR_VIEWS: not set, needed for --paths {form}")
        return cls(form, views or Views(()))

    def named(self, name: str) -> str:
        """A file, folder or pattern as its user named it: a URL, or a path of this machine."""
        if self.form is None or not name:
            return name
        url = name if name.startswith(_URL) else self._url_of(name)
        if url is None or self.form == KEY:
            return url or name
        path = url.removeprefix(_URL)
        return self._other(path if name.endswith("/") else path.rstrip("/")) or name

    def stored(self, path: str) -> str:
        """A path as the tables have it: bucket and key, or a bucket alone."""
        if self.form is None:
            return path
        if path.startswith(f"{FILE_BUCKET}/"):  # of a file that no bucket holds
            here = path.removeprefix(FILE_BUCKET)
            return path if self._url_of(here) is None else self.named(here)
        return path if self.form == KEY else self._other(path) or path

    def row(self, row: Mapping[str, object]) -> dict[str, object]:
        """A row of a table with its paths in this form."""
        return {
            name: self.stored(value) if name in PATH_COLUMNS and isinstance(value, str) else value
            for name, value in row.items()
        }

    def _other(self, path: str) -> str | None:
        """The name on the cluster or on a client of `<bucket>/<key>`; None where no view covers it."""
        bucket, _, key = path.partition("/")
        name_of = self.views.to_cluster if self.form == CLUSTER else self.views.to_client
        found = name_of(bucket, key)
        if found is None and key:  # the folder that the view is, whose name ends in no slash
            found = name_of(bucket, f"{key}/")
        return found if found is None or path.endswith("/") else found.rstrip("/\\")

    def _url_of(self, name: str) -> str | None:
        """A path of this machine, or of a client under Windows, as the object that it is by a view."""
        if name.startswith("/") or not PureWindowsPath(name).drive:
            # Links are kept, since a mount may be one.
            whole = os.path.abspath(local_path(name))  # noqa: PTH100
            name = whole + "/" * name.endswith("/")
        return self.views.from_user(name, is_here=_nowhere)


def _nowhere(_: str) -> bool:
    return False


def views_of(environ: Mapping[str, str]) -> Views | None:
    """The views that EXR_VIEWS names; None where it is not set.

    Raises:
        SettingsError: It cannot be read.
    """
    text = environ.get("EXR_VIEWS", "")
    if not text.strip():
        return None
    return Views(load_settings({"EXR_VIEWS": text}, secrets_dir=None, use=(OBJECTS,)).views)
