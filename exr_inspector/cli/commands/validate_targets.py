"""What `./run validate` judges, one after another: files, what the tables hold, and the sequences of either."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from exr_inspector.catalog.read.frames import frame_of_row
from exr_inspector.errors import ExrInspectorError
from exr_inspector.inspector import Inspector
from exr_inspector.model import Inspection
from exr_inspector.settings import Settings
from exr_inspector.storage import SourceOpener
from exr_inspector.storage.keys import split_url
from exr_inspector.storage.sequences import sequence_name
from exr_inspector.validation import (
    FrameSummary,
    Policy,
    frame_of_inspection,
    validate,
    validate_sequence,
)
from exr_inspector.validation.rejudge import with_problems
from exr_inspector.validation.reports import Judged, sort_findings

if TYPE_CHECKING:
    from exr_inspector.catalog.sdk.connection import Connection

_UNREADABLE = "SOURCE"
_DIGITS = re.compile("#+")
_WORKERS = 8
_AHEAD = 32  # files that are read or waiting; their headers are in memory
_GIVE_UP = 10


class Frames:
    """The frames that were met, and what their sequences are called where the user sees them."""

    def __init__(self) -> None:
        self._frames: list[FrameSummary] = []
        self._names: dict[str, str] = {}

    def add(self, frame: FrameSummary | None, name: str) -> None:
        """Keep a frame of the file that the user knows as `name`; what is no frame is left out."""
        if frame is not None:
            self._frames.append(frame)
            folder, slash, _ = name.rpartition("/")
            self._names.setdefault(frame.sequence, folder + slash + frame.sequence.rpartition("/")[2])

    def judged(self, policy: Policy) -> Iterator[Judged]:
        """Every sequence with its findings."""
        for sequence, findings in validate_sequence(self._frames, policy).items():
            yield Judged(self._names.get(sequence, sequence), sort_findings(findings), policy.label)


def from_files(
    opener: SourceOpener, inspector: Inspector, targets: Iterable[str], policy: Policy, frames: Frames | None
) -> Iterator[Judged]:
    """Files, folders and URLs, read and judged; with `frames`, these are gathered, and `#` in a target stands for digits.

    What may pass (an outage, a changed object) is the fault of one file; where file after file has one, the rest of a target
    is left.
    """
    for target in targets:
        in_a_row = 0
        try:
            names = _expand(opener, target, as_sequence=frames is not None)
            with closing(_inspect(opener, inspector, names, policy)) as answers:
                for name, answer in answers:
                    if isinstance(answer, ExrInspectorError):
                        in_a_row += 1
                        yield Judged(name, (), policy.label, f"{answer.code}: {answer}")
                        if in_a_row == _GIVE_UP:
                            yield Judged(target, (), policy.label, f"left after {_GIVE_UP} faults in a row")
                            break
                        continue
                    in_a_row = 0
                    yield _judged(name, answer, policy)
                    if frames is not None:
                        frames.add(frame_of_inspection(answer), name)
        except ExrInspectorError as error:
            yield Judged(target, (), policy.label, f"{error.code}: {error}")


def _inspect(
    opener: SourceOpener, inspector: Inspector, names: Iterable[str], policy: Policy
) -> Generator[tuple[str, Inspection | ExrInspectorError], None, None]:
    """Every file's inspection, or what was raised, in their order; some files at once, since reading is mostly waiting."""

    def one(name: str) -> Inspection | ExrInspectorError:
        try:
            return inspector.inspect(opener.open_url(name), policy)
        except ExrInspectorError as error:
            return error

    ahead: deque[tuple[str, Future[Inspection | ExrInspectorError]]] = deque()
    pool = ThreadPoolExecutor(_WORKERS, "judge")
    try:
        for name in names:
            ahead.append((name, pool.submit(one, name)))
            if len(ahead) == _AHEAD:
                first, coming = ahead.popleft()
                yield first, coming.result()
        while ahead:
            first, coming = ahead.popleft()
            yield first, coming.result()
    finally:
        pool.shutdown(cancel_futures=True)


def _judged(name: str, inspection: Inspection, policy: Policy) -> Judged:
    fault = ""
    if (inspection.error_code or "").startswith(_UNREADABLE):
        fault = f"{inspection.error_code}: {inspection.error_message}"
    return Judged(name, sort_findings(inspection.findings), policy.label, fault)


def _expand(opener: SourceOpener, target: str, *, as_sequence: bool) -> Iterator[str]:
    """The files that a target stands for: itself, all .exr below a folder or a URL that ends in a slash, or frames."""
    named = split_url(target)
    folder = Path(target).expanduser()
    if as_sequence and "#" in target.rpartition("/")[2] and not (named is None and folder.exists()):
        yield from _frames_of(opener, target)
    elif named is not None:
        bucket, key = named
        if key and not key.endswith("/"):
            yield target
            return
        entries = opener.list(bucket, key)
        yield from (f"s3://{bucket}/{entry.key}" for entry in entries if entry.key.lower().endswith(".exr"))
    elif folder.is_dir():
        yield from (str(path) for path in sorted(folder.rglob("*")) if path.suffix.lower() == ".exr" and path.is_file())
    else:
        yield target


def _frames_of(opener: SourceOpener, target: str) -> Iterator[str]:
    """The frames that `shot/beauty.####.exr` stands for, whatever their number of digits."""
    named = split_url(target)
    folder, slash, pattern = target.rpartition("/")
    if named is None:
        entries = Path(folder or (slash or ".")).expanduser()
        names = sorted(path.name for path in entries.iterdir() if path.is_file()) if entries.is_dir() else []
    else:
        bucket, key = named
        start = len(key.rpartition("/")[0] + "/") if "/" in key else 0
        listed = (entry.key[start:] for entry in opener.list(bucket, key.partition("#")[0]))
        names = [name for name in listed if "/" not in name]
    for name in names:
        if is_frame_of(name, pattern):
            yield f"{folder}{slash}{name}"


def is_frame_of(file_name: str, pattern: str) -> bool:
    """Whether a file's name is that of a frame of the sequence `pattern`, each run of `#` being a number of any padding."""
    sequence = sequence_name("", file_name).sequence
    return sequence is not None and _DIGITS.sub("#", sequence.removeprefix("/")) == _DIGITS.sub("#", pattern)


@contextmanager
def _tables(settings: Settings) -> Iterator[Connection]:
    # Imported here, since the vastdb SDK takes most of a second and judging files does without.
    from exr_inspector.catalog import Catalog, CatalogConfig  # noqa: PLC0415

    tables = Catalog(CatalogConfig.from_settings(settings.require_catalog()))
    try:
        yield tables.connection
    finally:
        tables.close()


def _prefix(target: str, *, as_sequence: bool) -> tuple[str, Callable[[str], bool]]:
    """What paths begin with, and which of those are meant: all, or the frames of a sequence whose digits are `#`."""
    start, digits, _ = target.partition("#")
    if not (as_sequence and digits):
        return target, lambda _: True
    pattern = target.rpartition("/")[2]
    return start, lambda path: is_frame_of(path.rpartition("/")[2], pattern)


def from_catalog(
    settings: Settings, prefixes: Iterable[str], policy: Policy, frames: Frames | None
) -> Iterator[Judged]:
    """What the tables hold below prefixes, judged again; with `frames`, these are gathered, and `#` stands for digits."""
    with _tables(settings) as connection:
        from exr_inspector.catalog.read.pages import stored_inspections  # noqa: PLC0415 - as in _tables

        for target in prefixes:
            start, is_meant = _prefix(target, as_sequence=frames is not None)
            for path, stored, fault in stored_inspections(connection, start):
                if stored is None and is_meant(path):
                    yield Judged(path, (), policy.label, fault)
                elif stored is not None and is_meant(path):
                    again = with_problems(stored)
                    yield Judged(path, sort_findings(validate(again, policy)), policy.label)
                    if frames is not None:
                        frames.add(frame_of_inspection(again), path)


def gather_from_catalog(settings: Settings, prefixes: Iterable[str], frames: Frames) -> None:
    """The frames that the tables hold below prefixes, by their rows of files, parts and channels; judges no file."""
    with _tables(settings) as connection:
        from exr_inspector.catalog.read.pages import stored_frames  # noqa: PLC0415 - as in _tables

        for target in prefixes:
            start, is_meant = _prefix(target, as_sequence=True)
            for rows in stored_frames(connection, start):
                path = str(rows.file["path"])
                if is_meant(path):
                    frames.add(frame_of_row(rows.file, rows.parts, rows.channels), path)
