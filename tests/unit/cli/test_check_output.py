"""What `check` prints for people and as CSV."""

from __future__ import annotations

import csv
import io
from contextlib import redirect_stdout
from dataclasses import replace

from exr_inspector.cli.output.check import csv_text, print_check
from exr_inspector.cli.output.terminal import output
from exr_inspector.delivery.check import Check, CheckedFile
from tests.support.reports import made


def printed(check: Check) -> str:
    with redirect_stdout(io.StringIO()) as out:
        print_check(check, output(), least=None)
    return " ".join(out.getvalue().split())


def test_findings_of_a_sequence_have_frames_in_csv() -> None:
    rows = list(csv.DictReader(io.StringIO(csv_text(made().check))))
    assert [row["frame"] for row in rows if row["code"] == "SEQ-MISSING"] == ["1005"]


def test_the_line_of_a_sequence_names_a_fuller_one() -> None:
    check = made().check
    (sequence,) = check.sequences
    few = replace(check, sequences=(replace(sequence, fuller="a/b_beauty.####.exr", fuller_count=90),))
    assert "of the 90 frames of" not in printed(check)
    assert f"{sequence.present} of the 90 frames of a/b_beauty.####.exr, " in printed(few)


def test_the_summary_counts_files_beside_sequences() -> None:
    check = made().check
    count = check.checked
    assert f"{count} files in 1 sequence checked" in printed(check)
    more = replace(check, files=(CheckedFile("slate.exr", None, ()),))
    assert f"{count + 1} files ({count} of them in 1 sequence) checked" in printed(more)
