"""A catalog file that a command makes: removed again when the command fails before it stored anything."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from vastdb_local import FILE_SUFFIXES


@dataclass(slots=True)
class NewCatalog:
    """Whether the file stays when the command fails."""

    is_kept: bool = False

    def keep(self) -> None:
        """Keep the file from now on: rows are about to be stored in it."""
        self.is_kept = True


@contextmanager
def new_catalog(path: Path | None) -> Iterator[NewCatalog]:
    """Remove `path` after an error unless it was there before, or `keep` was called; None is no file."""
    made = NewCatalog(is_kept=path is None or path.exists())
    try:
        yield made
    except BaseException:
        if path is not None and not made.is_kept:
            for suffix in FILE_SUFFIXES:
                path.with_name(path.name + suffix).unlink(missing_ok=True)
        raise
