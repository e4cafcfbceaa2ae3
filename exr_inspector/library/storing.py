"""Stores the results of a check: the rows of files while they are read, and those of sequences at the end."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime

from exr_inspector.catalog.sdk.connection import Connection
from exr_inspector.delivery.check import DeliveryCheck
from exr_inspector.delivery.files import files_in, is_folder
from exr_inspector.delivery.naming import Frame, recognise
from exr_inspector.delivery.patterns import Pattern, is_pattern, parse_pattern
from exr_inspector.delivery.sequences import CheckedFrames, CheckedSequence
from exr_inspector.model import Inspection
from exr_inspector.storage import is_exr
from exr_inspector.storage.sequences import is_apple_double
from exr_inspector.sync.figures import Figures
from exr_inspector.sync.sequences import store_folder
from exr_inspector.texts import unicode_text

_BATCH = 16  # files in one transaction; they stay in memory until then
_LARGE_HEADER_BYTES = 64 << 10  # rows; a file with more is stored at once, while its memory is reserved


class CheckStore:
    """Stores the inspections of `delivery.check.check_files`. For one thread.

    Args:
        connection: The tables.
        store: Stores inspections in one transaction, and counts those that cannot be stored.
    """

    def __init__(self, connection: Connection, store: Callable[[list[Inspection], Figures], None]) -> None:
        self._connection = connection
        self._store = store
        self._waiting: list[Inspection] = []
        self._paths: dict[str, str] = {}
        self._inspected: dict[str, datetime] = {}
        self._since = connection.config.clock()
        self.figures = Figures()

    def observe(self, name: str, inspection: Inspection) -> None:
        """Add a file, which is stored together with others.

        Raises:
            CatalogError: The tables cannot be written now.
        """
        self._paths[name] = inspection.path
        self._inspected[unicode_text(inspection.path)] = inspection.inspected_at
        self._waiting.append(inspection)
        is_large = inspection.header is not None and inspection.header.end > _LARGE_HEADER_BYTES
        if is_large or len(self._waiting) == _BATCH:
            self.flush()

    def flush(self) -> None:
        """Store the files that were added."""
        if self._waiting:
            self._store(self._waiting, self.figures)
            self._waiting = []

    def store_sequences(self, done: DeliveryCheck, targets: Iterable[str]) -> list[str]:
        """Store the findings of the sequences of which all files were checked; nothing if the check was stopped.

        Returns:
            The other sequences, of files that were named one by one.
        """
        self.flush()
        if done.stopped:
            return []
        patterns = [parse_pattern(target) for target in targets if is_pattern(target) and not is_folder(target)]
        whole: dict[str, list[str]] = {}
        for name, path in self._paths.items():
            if _directory(name) in done.folders:
                whole.setdefault(_directory(path), []).append(path)
        folders: dict[str, dict[str, frozenset[str]]] = {}
        chosen: list[CheckedSequence] = []
        others: list[str] = []
        for checked in done.sequences:
            stored = None if checked.is_texture else self._with_stored_name(checked)
            if stored is None:
                continue
            is_whole = _directory(stored.pattern) in whole or any(map(_matching(checked), patterns))
            if is_whole or _has_all_files(checked, folders):
                chosen.append(stored)
            else:
                others.append(checked.pattern)
        frames = self._frames(done)
        by_directory: dict[str, list[CheckedSequence]] = {name: [] for name in whole}
        for stored in chosen:
            by_directory.setdefault(_directory(stored.pattern), []).append(stored)
        for directory, sequences in by_directory.items():
            names = {sequence.pattern for sequence in sequences}
            places = {path: place for path, place in frames.items() if place[0] in names}
            store_folder(
                self._connection,
                directory,
                CheckedFrames(tuple(sequences), places, ()),
                whole.get(directory, places),
                self._since,
                inspected=self._inspected,
                only=None if directory in whole else names,
            )
        return others

    def _frames(self, done: DeliveryCheck) -> dict[str, tuple[str, Frame]]:
        """The sequence and frame of each file, by stored path."""
        found = {}
        for checked in done.sequences:
            for summary in (file.summary for file in checked.files):
                if summary is not None:
                    place = (
                        _stored_pattern(summary.path, checked.pattern),
                        Frame(summary.path, summary.frame, summary.padding),
                    )
                    found[summary.path] = place
        return found

    def _with_stored_name(self, checked: CheckedSequence) -> CheckedSequence | None:
        """The sequence with its stored name; None if none of its files could be read."""
        path = next((self._paths[file.path] for file in checked.files if file.path in self._paths), None)
        return None if path is None else replace(checked, pattern=_stored_pattern(path, checked.pattern))


def _matching(checked: CheckedSequence) -> Callable[[Pattern], bool]:
    """Whether a pattern matches the name of a sequence."""
    path = checked.files[0].path
    return lambda pattern: pattern.matches(path)


def _has_all_files(checked: CheckedSequence, folders: dict[str, dict[str, frozenset[str]]]) -> bool:
    """Whether a sequence has all of its files that are in its folder, as after `check sh010/*.exr`.

    Args:
        checked: The sequence.
        folders: The files of the sequences of local folders, which are read when they are needed.
    """
    folder = _directory(checked.pattern)
    if folder not in folders:
        there = [path for path in files_in(f"{folder}/" if folder else "") if is_exr(path)]
        known = recognise(path for path in there if not is_apple_double(path)).sequences
        folders[folder] = {each.pattern: frozenset(frame.path for frame in each.members) for each in known}
    return folders[folder].get(checked.pattern) == frozenset(file.path for file in checked.files)


def _stored_pattern(path: str, pattern: str) -> str:
    """The pattern of a sequence, in the stored folder of one of its files."""
    return f"{_directory(path)}/{pattern.rpartition('/')[2]}"


def _directory(path: str) -> str:
    return path.rpartition("/")[0]
