"""Finds folders some of whose files were stored after the last validation of their sequences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from functools import partial
from typing import Any

from exr_inspector.catalog.paths import prefix_end
from exr_inspector.catalog.schema import FILES, SEQUENCE_VALIDATION
from exr_inspector.catalog.sdk.connection import Connection
from exr_inspector.catalog.sdk.predicates import every, has_prefix, in_buckets, is_in
from exr_inspector.catalog.sdk.work import Work, rows_of
from exr_inspector.delivery.naming import recognise
from exr_inspector.storage.sequences import sequence_name
from exr_inspector.texts import unicode_text

_FOLDERS_AT_ONCE = 100  # folders in one request


class UnvalidatedFolders:
    """Finds folders whose files were stored after the last validation of their sequences, for example by a killed run.

    The caller adds up-to-date files while it lists them, so that their rows are not read again. Not thread-safe.
    """

    def __init__(self, connection: Connection, prefix: str) -> None:
        """Read when the sequences of folders with files below a prefix, `bucket/key`, were validated.

        Raises:
            CatalogError: The tables cannot be read.
        """
        self._connection = connection
        self._validated: dict[str, datetime] = {}
        self._found: set[str] = set()
        # Folders without validated sequences in which file names form a sequence.
        self._unvalidated: set[str] = set()
        # All other folders without validated sequences, with the paths of their files.
        self._never: dict[str, list[str]] = {}
        below = unicode_text(f"{prefix.rpartition('/')[0]}/")

        def read(work: Work) -> list[Mapping[str, Any]]:
            columns = ("directory", "judged_at")
            return [*rows_of(work.select(SEQUENCE_VALIDATION, columns, has_prefix("sequence", below)))]

        for row in connection.run("look when folders were validated", read):
            moment = row["judged_at"].replace(tzinfo=timezone.utc)
            self._validated[row["directory"]] = min(self._validated.get(row["directory"], moment), moment)

    def add(self, path: str, inspected_at: datetime) -> None:
        """Add a file whose row is up to date, with the time of its inspection."""
        directory = path.rpartition("/")[0]
        judged_at = self._validated.get(unicode_text(directory))
        if judged_at is None:
            self._look_for_frames(directory, path)
        elif inspected_at > judged_at:
            self._found.add(directory)

    def _look_for_frames(self, directory: str, path: str) -> None:
        """Add a file of a folder without validated sequences; its names are kept until they form a sequence."""
        if directory in self._unvalidated:
            return
        paths = self._never.setdefault(directory, [])
        paths.append(path)
        if len(paths) & (len(paths) - 1) == 0 and recognise(paths).sequences:  # at 1, 2, 4, 8, ... files
            self._unvalidated.add(directory)
            del self._never[directory]

    def folders(self) -> set[str]:
        """Return the folders, with their buckets. Reads the rows of never validated folders whose file names form a sequence.

        Raises:
            CatalogError: The tables cannot be read.
        """
        late = {directory for directory, paths in self._never.items() if recognise(paths).sequences}
        names = {unicode_text(directory): directory for directory in self._unvalidated | late}
        wanted = sorted(names, key=lambda directory: f"{directory}/")
        groups = [wanted[start : start + _FOLDERS_AT_ONCE] for start in range(0, len(wanted), _FOLDERS_AT_ONCE)]
        unsettled = {
            directory
            for group in groups
            for directory in self._connection.run("look for unsettled sequences", partial(_unsettled_of, group))
        }
        return self._found | {names[directory] for directory in unsettled}


def _unsettled_of(directories: Sequence[str], work: Work) -> set[str]:
    """Return the folders, of some neighbouring ones, whose sequences were never stored in the rows of their files."""
    first, end = f"{directories[0]}/", prefix_end(f"{directories[-1]}/")
    rows: dict[str, list[Mapping[str, Any]]] = {}
    columns = ("path", "bucket", "key", "directory", "sequence")
    where = every(
        in_buckets({first.partition("/")[0]}),
        lambda table: table["path"] >= first,
        None if end is None else lambda table: table["path"] < end,
        is_in("directory", directories),
    )
    for row in rows_of(work.select(FILES, columns, where)):
        rows.setdefault(row["directory"], []).append(row)
    return {directory for directory, some in rows.items() if _is_unsettled(some)}


def _is_unsettled(rows: Sequence[Mapping[str, Any]]) -> bool:
    """Whether a folder without validated sequences has frames, and none that an earlier validation found to be textures.

    Such a validation removed the sequence from the rows of textures, although their names indicate one.
    """
    frames = {frame.path for known in recognise(row["path"] for row in rows).sequences for frame in known.members}
    mine = [row for row in rows if row["path"] in frames]
    return bool(mine) and not any(
        row["sequence"] is None and sequence_name(row["bucket"], row["key"]).sequence is not None for row in mine
    )
