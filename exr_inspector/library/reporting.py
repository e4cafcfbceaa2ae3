"""`write_report`: a check of a delivery as one HTML file, or as a folder with a page for each sequence."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path

from exr_inspector.delivery.check import Check, Progress, check
from exr_inspector.errors import NothingMatches, SettingsError
from exr_inspector.library.reading import Session, Stats, session, settings_for, target_names
from exr_inspector.model import Inspection
from exr_inspector.report.content import sequence_page
from exr_inspector.report.figures import FrameFigures, figures_of
from exr_inspector.report.page import Report, View, render, report_of
from exr_inspector.report.write import page_names, write_file

_INDEX = "index.html"
_MOST_IN_ONE_FILE = 20  # sequences; more have pages of their own


def write_report(
    targets: str | os.PathLike[str] | Iterable[str | os.PathLike[str]],
    to: str | os.PathLike[str],
    *,
    frames: tuple[int, int] | None = None,
    stats: Stats = "full",
    policy: str = "default",
    settings: Mapping[str, str] | None = None,
    progress: Progress | None = None,
) -> Check:
    """Check files and the sequences that they are frames of, and write what was found as a page for a browser.

    Args:
        targets: As in `check`.
        to: An .html file for all sequences, or a folder for an index.html and a page a sequence.
        frames: As in `check`, and so are the other arguments.
        stats: See `check`.
        policy: See `check`.
        settings: See `check`.
        progress: Called with the number of files done, and of all.

    Returns:
        The check.

    Raises:
        NothingMatches: There are no files, or no sequence is recognised among them.
        OSError: The page cannot be written.
        PolicyError: There is no such policy, or it is wrong.
        SettingsError: A setting is wrong, or too many sequences are to go into one file.
    """
    names, target = target_names(targets), Path(to)
    _require_writable(target)
    is_full = stats == "full"
    told = settings_for([*names, policy], settings)
    with session(told, stats=stats, hash=is_full, zeros=is_full, policy=policy) as made:
        checked, figures = _checked(names, made, frames, progress)
    _write(target, checked, figures, names)
    return checked


def _checked(
    names: list[str], made: Session, frames: tuple[int, int] | None, progress: Progress | None
) -> tuple[Check, dict[str, FrameFigures]]:
    figures: dict[str, FrameFigures] = {}

    def observe(name: str, inspection: Inspection) -> None:
        figures[name] = figures_of(inspection)

    done = check(
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
    for target, reason in done.faults:
        raise NothingMatches(reason.partition(": ")[2] or f"{target}: {reason}")
    if not done.sequences:
        raise NothingMatches(_unrecognised(done))
    return done, figures


def _unrecognised(done: Check) -> str:
    paths = [*(path for group in done.ambiguous for path in group), *(file.path for file in done.files)]
    some = ", ".join(path.rpartition("/")[2] for path in paths[:4])
    more = " ..." if len(paths) > 4 else ""
    return f"no sequence recognised among {some}{more}: give a pattern such as name_####.exr, or use `check`"


def _is_page(target: Path) -> bool:
    return target.suffix.lower() in {".html", ".htm"}


def _require_writable(target: Path) -> None:
    """Ask before files are read for minutes.

    Raises:
        SettingsError: The page cannot be written there.
    """
    if _is_page(target):
        if target.is_dir():
            raise SettingsError(f"{target} is a folder: name a file that ends in .html")
        folder = target.parent
        if not folder.is_dir():
            raise SettingsError(f"there is no folder {folder} for {target.name}: create it first")
    else:
        if target.exists() and not target.is_dir():
            raise SettingsError(f"{target} is neither a folder nor a file that ends in .html")
        folder = target if target.is_dir() else target.parent
        if not folder.is_dir():
            raise SettingsError(f"there is no folder {folder}: create it first")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise SettingsError(f"{folder} cannot be written to: name another place")


def _write(target: Path, checked: Check, figures: Mapping[str, FrameFigures], names: list[str]) -> None:
    if _is_page(target) and len(checked.sequences) > _MOST_IN_ONE_FILE:
        raise SettingsError(
            f"{len(checked.sequences)} sequences are too many for one file (at most {_MOST_IN_ONE_FILE}): "
            f"name a folder, such as --to {target.with_suffix('')}/"
        )
    pages = [sequence_page(sequence, figures) for sequence in checked.sequences]
    views = [View(page, [None] * len(page.cells)) for page in pages]
    made = f"checked {datetime.now(timezone.utc):%Y-%m-%d %H:%M} UTC, pixels {checked.stats.value}"
    whole = report_of(checked, views, targets=names, made=made)
    if _is_page(target):
        write_file(target, render(whole))
        return
    _write_folder(target, whole)


def _write_folder(folder: Path, whole: Report) -> None:
    """A page a sequence, and then the index that leads to them."""
    folder.mkdir(exist_ok=True)
    pages = page_names(view.page.title for view in whole.views)
    for name, view in zip(pages, whole.views, strict=True):
        one = replace(
            whole,
            kind="OpenEXR sequence",
            title=view.page.title,
            facts=view.page.facts,
            verdict=view.page.verdict,
            views=[view],
            files=[],
        )
        write_file(folder / name, render(one))
    write_file(folder / _INDEX, render(replace(whole, is_index=True), links=pages))
