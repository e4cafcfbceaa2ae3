"""`write_report`: writes a check of a delivery as one HTML file, or as a folder with a page for each sequence."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from exr_inspector.delivery.check import DeliveryCheck, OnProgress, check_files, not_checked
from exr_inspector.delivery.files import is_folder
from exr_inspector.delivery.sequences import CheckedSequence
from exr_inspector.errors import ArgumentError, ExrInspectorError, NothingMatches, SourceError
from exr_inspector.library.arguments import frame_ranges, path_text, target_names
from exr_inspector.library.reading import Session, Stats, check_session, session, settings_for
from exr_inspector.library.results import Check
from exr_inspector.model import Inspection, StatsMode, Thumbnails
from exr_inspector.report.content import SequencePage, sequence_page
from exr_inspector.report.figures import FrameFigures, figures_of
from exr_inspector.report.page import (
    About,
    LayerPicture,
    ShownSequence,
    other_files,
    render,
    report_of,
    require_template_engine,
    without_details,
)
from exr_inspector.report.pictures import budget, fitting, layer_pictures
from exr_inspector.report.write import page_names, staged_folder, write_file
from exr_inspector.settings import local_path
from exr_inspector.storage import is_exr
from exr_inspector.texts import program_command
from exr_inspector.validation.rule import counted

if TYPE_CHECKING:
    from exr_inspector.catalog.sdk.connection import Connection
    from exr_inspector.report.stored import SequenceRows, StoredSequence

_INDEX = "index.html"
_COLOUR = frozenset({"R", "G", "B", "A", "Y", "RY", "BY"})
_PICTURES = "Exposure 0, sRGB; magenta: NaN, and what does not decode."
_FILE_LIKE = re.compile(r"[^.]\.[A-Za-z]{1,5}$")
_MOST_IN_ONE_FILE = 20  # sequences in one page
_SOURCE_ERRORS: Mapping[str, type[ExrInspectorError]] = {kind.code: kind for kind in SourceError.__subclasses__()}


def write_report(
    targets: str | os.PathLike[str] | Iterable[str | os.PathLike[str]],
    to: str | os.PathLike[str],
    *,
    frames: tuple[int, int] | str | None = None,
    stats: Stats = "full",
    policy: str = "default",
    settings: Mapping[str, str] | None = None,
    progress: OnProgress | None = None,
    shown: Callable[[str], str] = str,
) -> Check:
    """Check files and their sequences, and write the result as an HTML page.

    Args:
        targets: As in `check`.
        to: An .html file for all sequences, or a folder for an index.html and a page for each sequence.
        frames: As in `check`, and so are the other arguments.
        stats: See `check`.
        policy: See `check`.
        settings: See `check`.
        progress: Called with the number of files done, and of all.
        shown: Returns the name on the page for the name of a file, sequence or target.

    Returns:
        The check. Targets and folders that could not be read are its `faults`, which the page lists too.

    Raises:
        NothingMatches: There are no files, or no sequence is recognised among them.
        SourceError: No target could be listed.
        OSError: The page cannot be written.
        PolicyError: There is no such policy, or it is wrong.
        ArgumentError: The page cannot be written there, or there are too many sequences for one file.
        SettingsError: A setting is wrong.
    """
    names, target, wanted = target_names(targets), Path(path_text("to", to)), frame_ranges(frames)
    require_template_engine()
    require_writable(target, [name for name in names if is_folder(name)])
    complete_settings = settings_for([*names, policy], settings)
    with check_session(complete_settings, stats=stats, policy=policy, thumbnails=Thumbnails.FILE) as made:
        checked, figures = _checked(names, made, wanted, progress)
    _require_few(target, len(checked.sequences))
    about = About(
        title=", ".join(_title(shown(name)) for name in names),
        policy=checked.policy,
        made=f"checked {datetime.now(timezone.utc):%Y-%m-%d %H:%M} UTC, pixels {checked.stats.value}",
        files=other_files(replace(file, path=shown(file.path)) for file in (*checked.files, *checked.others)),
        checked=len(checked.files),
        not_checked=(
            *checked.not_checked,
            *(f"{shown(target)}: {reason}" for target, reason in checked.faults),
            *(words for sequence in checked.sequences for words in _unread_frames(sequence, shown)),
        ),
    )
    with session(complete_settings, stats=stats, thumbnails=Thumbnails.LAYERS, policy=policy) as made:
        views = (
            _view(_page(sequence, figures, shown), partial(_layers, sequence, made)) for sequence in checked.sequences
        )
        _write(target, [sequence.pattern for sequence in checked.sequences], views, lambda: about)
    return Check.of(checked)


@dataclass(frozen=True, slots=True)
class StoredReport:
    """Numbers of what a report from rows shows: sequences, and files that could not be read, wholly or in part, when stored."""

    sequences: int
    unread: int


def write_stored_report(
    connection: Connection,
    prefixes: Iterable[str],
    to: Path,
    progress: OnProgress | None = None,
    shown: Callable[[str], str] = str,
) -> StoredReport:
    """Write stored sequences as an HTML page, or as a folder with a page for each; no file is read.

    A sequence whose frames have no rows any more has no page, but is named as one that was not checked.

    Args:
        connection: The tables.
        prefixes: Prefixes of `bucket/key`, or sequences (`bucket/sh010/beauty.####.exr`); an empty one stands for all.
        to: As in `write_report`.
        progress: Called with the number of sequences done, and of all.
        shown: As in `write_report`.

    Returns:
        What the pages show.

    Raises:
        CatalogError: The tables cannot be read.
        NothingMatches: They have no such sequence, or no rows of its frames.
        ArgumentError: The page cannot be written there.
    """
    from exr_inspector.report.stored import stored_sequences  # noqa: PLC0415 - brings the vastdb SDK

    named = list(prefixes)
    require_template_engine()
    require_writable(to)
    found = stored_sequences(connection, named)
    if not found:
        raise NothingMatches(
            f"no validated sequence below {', '.join(filter(None, named)) or 'any folder'} in these tables: "
            f"{program_command('validate --catalog FILE FOLDER/')} validates the sequences of a folder"
        )
    _require_few(to, len(found))
    pages = _StoredPages(connection, found, shown)
    title = ", ".join(shown(name) for name in named if name) or "All sequences of the catalog"
    _write(to, [known.name for known in found], pages.views(progress), lambda: pages.about(title))
    return StoredReport(len(found) - len(pages.gone), pages.unread)


class _StoredPages:
    """Makes the pages of stored sequences, and collects what the page about all of them says.

    Attributes:
        unread: Number of files that could not be read when they were stored.
        gone: A sentence for each sequence whose frames have no rows any more.
    """

    def __init__(self, connection: Connection, found: Sequence[SequenceRows], shown: Callable[[str], str]) -> None:
        self._connection = connection
        self._found = found
        self._shown = shown
        self._read: Counter[StatsMode] = Counter()
        self._unread_frames: list[str] = []
        self.unread = 0
        self.gone: list[str] = []

    def views(self, progress: OnProgress | None) -> Iterator[ShownSequence | None]:
        """Yield the page of each sequence; None for one whose frames have no rows.

        Raises:
            NothingMatches: All of them have none.
        """
        for done, known in enumerate(self._found, 1):
            yield self._view(known)
            if progress is not None:
                progress(done, len(self._found))
        if len(self.gone) == len(self._found):
            raise NothingMatches("; ".join(self.gone))

    def _view(self, known: SequenceRows) -> ShownSequence | None:
        from exr_inspector.report.stored import read_sequence  # noqa: PLC0415 - brings the vastdb SDK

        stored = read_sequence(self._connection, known)
        if not stored.has_frames:
            self.gone.append(
                f"{self._shown(known.name)}: the rows of its files were removed after it was validated; "
                f"{program_command('db reconcile PLACE --fix')} deletes its findings, too"
            )
            return None
        self._read.update(stored.read)
        self.unread += sum(1 for file in stored.checked.files if file.fault)
        self._unread_frames += _unread_frames(stored.checked, self._shown)
        page = _page(stored.checked, stored.figures, self._shown)
        return _view(page, partial(_stored_layers, stored))

    def about(self, title: str) -> About:
        """What the pages have in common; call it after all have been made."""
        modes = sorted(self._read, key=lambda mode: mode.depth) or [StatsMode.OFF]
        unread_pixels = self._read[modes[0]] if len(modes) > 1 else None
        return About(
            title=title,
            policy=", ".join(dict.fromkeys(known.policy for known in self._found)),
            made=f"read from the tables {datetime.now(timezone.utc):%Y-%m-%d %H:%M} UTC, pixels {' and '.join(modes)}",
            not_checked=(*not_checked(modes[0], unread_pixels), *self._unread_frames, *self.gone),
        )


def _checked(
    names: list[str], made: Session, frames: tuple[range, ...], progress: OnProgress | None
) -> tuple[DeliveryCheck, dict[str, FrameFigures]]:
    figures: dict[str, FrameFigures] = {}

    def observe(name: str, inspection: Inspection) -> None:
        figures[name] = figures_of(inspection)

    done = check_files(
        names,
        opener=made.opener,
        inspector=made.inspector,
        policy=made.policy,
        frames=frames,
        progress=progress,
        observe=observe,
    )
    if done.stopped:
        raise KeyboardInterrupt
    for target, reason in () if done.sequences else done.faults:
        code, _, why = reason.partition(": ")
        raise _SOURCE_ERRORS.get(code, NothingMatches)(why or f"{target}: {reason}")
    if not done.sequences:
        raise NothingMatches(_unrecognised(done))
    return done, figures


def _unrecognised(done: DeliveryCheck) -> str:
    """Why there is no sequence: no file could be read, or their names show none."""
    unread = [file for file in done.files if file.fault]
    if unread and len(unread) == done.total:
        more = f" ({len(unread) - 1} more could not be read either)" if len(unread) > 1 else ""
        return f"{unread[0].path}: {unread[0].fault}{more}"
    paths = [*(path for group in done.ambiguous for path in group), *(file.path for file in done.files)]
    some = ", ".join(path.rpartition("/")[2] for path in paths[:4])
    more = " ..." if len(paths) > 4 else ""
    return f"no sequence recognised among {some}{more}: give a pattern such as name_####.exr, or use `check`"


def _unread_frames(sequence: CheckedSequence, shown: Callable[[str], str]) -> list[str]:
    """A sentence that names the frames of a sequence which could not be read; empty if all could be."""
    frames = sequence.unread
    return (
        [f"{shown(sequence.pattern)}: could not read {counted(len(frames), 'frame')}, {frames.text}"] if frames else []
    )


def _title(name: str) -> str:
    """The name of a target; that of the folder for `.` and `..`."""
    return Path(name).resolve().name if Path(name).name in {"", ".."} else name


def _page(sequence: CheckedSequence, figures: Mapping[str, FrameFigures], shown: Callable[[str], str]) -> SequencePage:
    page = sequence_page(sequence, figures)
    return replace(page, title=shown(page.title))


Layers = tuple[int | None, Sequence[LayerPicture]]


def _view(page: SequencePage, layers_of: Callable[[SequencePage], Layers]) -> ShownSequence:
    """The page with its pictures."""
    frame, layers = layers_of(page)
    taken = sum(len(layer.picture.url) for layer in layers)
    wanted = [picture for cell in page.cells for picture in cell.pictures]
    pictures = fitting(wanted, budget(len(wanted)) - taken)
    by_cell = [*zip(*[iter(pictures)] * len(page.views), strict=True)]
    return ShownSequence(page, by_cell, _PICTURES if any(pictures) else "", layers, frame)


def _layers(sequence: CheckedSequence, made: Session, page: SequencePage) -> Layers:
    """The layers of a clean frame in the middle, which is read again; empty if the sequence has only colour and alpha."""
    clean = [cell.frame for cell in page.cells if cell.state == "ok" and any(cell.pictures)]
    if not clean or all(row.name in _COLOUR for row in page.channels):
        return None, []
    frame = clean[len(clean) // 2]
    name = next(file.path for file in sequence.files if file.frame == frame)
    try:
        again = made.inspect(name)
    except ExrInspectorError:
        return None, []  # the file was read a moment ago, so the check has its findings
    return frame, layer_pictures(again.pixels.thumbnails if again.pixels else (), figures_of(again).part_names)


def _stored_layers(stored: StoredSequence, page: SequencePage) -> Layers:
    """The layers of the first clean frame with several stored thumbnails."""
    clean = {cell.frame for cell in page.cells if cell.state == "ok"}
    for file in stored.checked.files:
        thumbnails = stored.layers.get(file.path, ())
        if file.frame in clean and len(thumbnails) > 1:
            return file.frame, layer_pictures(thumbnails, stored.figures[file.path].part_names)
    return None, []


def _is_page(target: Path) -> bool:
    return target.suffix.lower() in {".html", ".htm"}


def _require_few(target: Path, sequences: int) -> None:
    if _is_page(target) and sequences > _MOST_IN_ONE_FILE:
        raise ArgumentError(
            f"{sequences} sequences are too many for one file (at most {_MOST_IN_ONE_FILE}): "
            f"name a folder, such as {target.with_suffix('')}/"
        )


def require_writable(target: Path, delivered: Iterable[str] = ()) -> None:
    """Check that a report can be written, before files are read for minutes.

    Args:
        target: The file or folder.
        delivered: Folders that are checked.

    Raises:
        ArgumentError: It cannot, or its pages would lie among the files of a delivery.
    """
    if _is_page(target):
        if target.is_dir():
            raise ArgumentError(f"{target} is a folder: name a file that ends in .html")
        folder = target.parent
        if not folder.is_dir():
            raise ArgumentError(f"there is no folder {folder} for {target.name}: create it first")
    else:
        if not target.is_dir() and (target.exists() or _FILE_LIKE.search(target.name)):
            raise ArgumentError(
                f"{target}: expected a file that ends in .html, or a folder (there already, if named like a file)"
            )
        folder = target.parent
        if not folder.is_dir():
            raise ArgumentError(f"there is no folder {folder}: create it first")
        is_delivered = target.resolve() in {local_path(name).resolve() for name in delivered}
        if is_delivered or (target.is_dir() and any(is_exr(path.name) for path in target.iterdir())):
            raise ArgumentError(
                f"{target} is a folder of the delivery, whose files the pages would lie among: name another folder, or a file "
                "that ends in .html"
            )
    if not os.access(folder, os.W_OK | os.X_OK):
        raise ArgumentError(f"{folder} cannot be written to: name another place")


def _write(
    target: Path, titles: Sequence[str], views: Iterable[ShownSequence | None], about: Callable[[], About]
) -> None:
    """Write one page of all sequences, or a page for each and an index; all files or none. None stands for no page."""
    if _is_page(target):
        every = [view for view in views if view is not None]
        write_file(target, render(report_of(every, about())))
        return
    kept: dict[str, ShownSequence] = {}
    with staged_folder(target) as folder:
        for name, view in zip(page_names(titles), views, strict=True):
            if view is not None:
                one = replace(about(), files=(), not_checked=())
                write_file(folder / name, render(report_of([view], one)))
                kept[name] = without_details(view)
        write_file(folder / _INDEX, render(report_of([*kept.values()], about(), is_index=True), links=[*kept]))
