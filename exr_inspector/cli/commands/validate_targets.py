"""What `./run validate` judges, one after another: files, what the tables hold, and the sequences of either."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from exr_inspector.catalog.read.frames import frame_of_row
from exr_inspector.delivery.files import expand, inspect_all
from exr_inspector.delivery.naming import Recognised, is_pattern, match_pattern, parse_pattern, recognise
from exr_inspector.errors import ExrInspectorError
from exr_inspector.inspector import Inspector
from exr_inspector.model import Inspection, SequenceName
from exr_inspector.settings import Settings
from exr_inspector.storage import SourceOpener
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
    from exr_inspector.catalog.read.pages import FrameRows
    from exr_inspector.catalog.sdk.connection import Connection

_UNREADABLE = "SOURCE"
_GIVE_UP = 10
# A summary is made before all names are known: its sequence and frame are filled in afterwards.
_UNNAMED = SequenceName("", "", "?", 0, 0)


class Frames:
    """The frames that were met; which of them belong together is settled when all their names are known.

    Args:
        targets: What the user named: patterns among them decide for the files that match.
    """

    def __init__(self, targets: Iterable[str]) -> None:
        self._patterns = [parse_pattern(target) for target in targets if is_pattern(target)]
        self._met: dict[str, FrameSummary] = {}

    def add(self, inspection: Inspection, name: str) -> None:
        """Keep the file that the user knows as `name`."""
        self._keep(frame_of_inspection(replace(inspection, name=_UNNAMED)), name)

    def add_row(self, rows: FrameRows, name: str) -> None:
        """Keep a file by its stored rows."""
        file = {**rows.file, "sequence": _UNNAMED.sequence, "frame_number": _UNNAMED.frame}
        self._keep(frame_of_row(file, rows.parts, rows.channels), name)

    def _keep(self, frame: FrameSummary | None, name: str) -> None:
        if frame is not None:
            self._met[name] = frame

    def judged(self, policy: Policy) -> Iterator[Judged]:
        """Every sequence with its findings; names that leave it open which number is the frame are a fault."""
        left = dict(self._met)
        found: list[Recognised] = []
        for pattern in self._patterns:
            found += match_pattern(pattern, left).sequences
            left = {name: frame for name, frame in left.items() if pattern.frame_of(name) is None}
        recognition = recognise(left)
        for sequence in [*found, *recognition.sequences]:
            frames = [
                replace(self._met[member.path], sequence=sequence.pattern, frame=member.number, padding=member.padding)
                for member in sequence.members
            ]
            for findings in validate_sequence(frames, policy).values():
                yield Judged(sequence.pattern, sort_findings(findings), policy.label)
        for group in recognition.ambiguous:
            names = ", ".join(name.rpartition("/")[2] for name in group[:4])
            why = f"no sequence recognised: several numbers vary in {names}; give a pattern such as name_####.exr"
            yield Judged(group[0].rpartition("/")[0], (), policy.label, why)


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
            names = expand(opener, target).paths

            def inspect(name: str) -> Inspection:
                return inspector.inspect(opener.open_url(name), policy)

            with closing(inspect_all(names, inspect)) as answers:
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
                        frames.add(answer, name)
        except ExrInspectorError as error:
            yield Judged(target, (), policy.label, f"{error.code}: {error}")


def _judged(name: str, inspection: Inspection, policy: Policy) -> Judged:
    fault = ""
    if (inspection.error_code or "").startswith(_UNREADABLE):
        fault = f"{inspection.error_code}: {inspection.error_message}"
    return Judged(name, sort_findings(inspection.findings), policy.label, fault)


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
    if not (as_sequence and is_pattern(target)):
        return target, lambda _: True
    pattern = parse_pattern(target)
    return pattern.folder, lambda path: pattern.frame_of(path) is not None


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
                        frames.add(again, path)


def gather_from_catalog(settings: Settings, prefixes: Iterable[str], frames: Frames) -> None:
    """The frames that the tables hold below prefixes, by their rows of files, parts and channels; judges no file."""
    with _tables(settings) as connection:
        from exr_inspector.catalog.read.pages import stored_frames  # noqa: PLC0415 - as in _tables

        for target in prefixes:
            start, is_meant = _prefix(target, as_sequence=True)
            for rows in stored_frames(connection, start):
                path = str(rows.file["path"])
                if is_meant(path):
                    frames.add_row(rows, path)
