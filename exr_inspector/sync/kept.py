"""Reads what earlier checks found in sequences, for a validation by rows that stores nothing."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from exr_inspector.catalog.sdk.connection import Connection
from exr_inspector.catalog.sdk.work import Work
from exr_inspector.delivery.sequences import CheckedFrames
from exr_inspector.model import Finding
from exr_inspector.sync.sequences import (
    NOT_IN_ROWS,
    Place,
    ValidationRows,
    kept_findings,
    stored_file_rows,
    validation_rows,
    with_other_findings,
)
from exr_inspector.texts import unicode_text


def read_validation_rows(connection: Connection, directories: Iterable[str]) -> ValidationRows:
    """Return the rows of `sequence_validation` that the last validation of each of these folders stored.

    Raises:
        CatalogError: The tables cannot be read.
    """
    wanted = sorted(directories)
    return connection.run(
        "read the last validations of sequences",
        lambda work: {directory: validation_rows(work, directory) for directory in wanted},
    )


def with_kept_findings(connection: Connection, checked: CheckedFrames, last: ValidationRows) -> CheckedFrames:
    """Add to a validation by rows the last findings that need the files themselves, for frames not inspected since.

    Raises:
        CatalogError: The tables cannot be read.
    """

    def read(work: Work) -> dict[str, list[Finding]]:
        kept: dict[str, list[Finding]] = {}
        for directory, mine in checked.by_directory().items():
            frames: dict[str, Place] = {unicode_text(path): place for path, place in mine.frames.items()}
            if before := [row for row in last.get(directory, ()) if row["code"] in NOT_IN_ROWS]:
                kept.update(kept_findings(before, stored_file_rows(work, directory, frames), frames))
        return kept

    kept = connection.run("read the findings of a check", read)
    sequences = [with_other_findings(sequence, kept.get(sequence.pattern, ())) for sequence in checked.sequences]
    return replace(checked, sequences=tuple(sequences))
