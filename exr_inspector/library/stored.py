"""Validation of what the tables hold, without reading any file."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from exr_inspector.delivery.naming import is_pattern, parse_pattern
from exr_inspector.library.judging import Frames, unchecked
from exr_inspector.settings import Settings
from exr_inspector.validation import Policy, validate
from exr_inspector.validation.rejudge import with_problems
from exr_inspector.validation.reports import ValidationResult, sort_findings

if TYPE_CHECKING:
    from exr_inspector.catalog.sdk.connection import Connection


@contextmanager
def _tables(settings: Settings) -> Iterator[Connection]:
    # Imported here, since the vastdb SDK takes most of a second and judging files does without.
    from exr_inspector.catalog import Catalog, CatalogConfig  # noqa: PLC0415

    tables = Catalog(CatalogConfig.from_settings(settings.require_catalog()))
    try:
        yield tables.connection
    finally:
        tables.close()


def _prefix(target: str) -> tuple[str, Callable[[str], bool]]:
    """What paths begin with, and which of those are meant: all, or those whose names match a pattern."""
    if not is_pattern(target):
        return target, lambda _: True
    pattern = parse_pattern(target)
    return pattern.beginning, pattern.matches


def judge_catalog(
    settings: Settings, prefixes: Iterable[str], policy: Policy, frames: Frames | None
) -> Iterator[ValidationResult]:
    """Judge again what the tables hold below prefixes or patterns; with `frames`, these are gathered."""
    with _tables(settings) as connection:
        from exr_inspector.catalog.read.pages import stored_inspections  # noqa: PLC0415 - as in _tables

        for target in prefixes:
            start, is_meant = _prefix(target)
            for path, stored, fault in stored_inspections(connection, start):
                if stored is None and is_meant(path):
                    yield ValidationResult(path, (), policy.label, fault)
                elif stored is not None and is_meant(path):
                    again = with_problems(stored)
                    findings = sort_findings(validate(again, policy))
                    yield ValidationResult(path, findings, policy.label, unchecked=unchecked(again))
                    if frames is not None:
                        frames.add(again, path)


def gather_frames(settings: Settings, prefixes: Iterable[str], frames: Frames) -> None:
    """Add the frames that the tables hold below prefixes or patterns, by their rows of files, parts and channels."""
    with _tables(settings) as connection:
        from exr_inspector.catalog.read.pages import stored_frames  # noqa: PLC0415 - as in _tables

        for target in prefixes:
            start, is_meant = _prefix(target)
            for rows in stored_frames(connection, start):
                path = str(rows.file["path"])
                if is_meant(path):
                    frames.add_row(rows, path)
