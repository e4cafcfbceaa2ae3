"""What `check` prints for people and as CSV."""

from __future__ import annotations

import csv
import io
from contextlib import redirect_stdout
from dataclasses import replace

import pytest
from rich.console import Console

from exr_inspector.cli.output.check import csv_text, print_check
from exr_inspector.cli.output.terminal import output
from exr_inspector.delivery.check import CheckedFile, DeliveryCheck
from exr_inspector.delivery.sequences import CheckedSequence
from exr_inspector.model import Finding, Severity
from exr_inspector.validation.frame_numbers import FrameNumbers
from tests.support.reports import made

LONG = "sh140_comp_final_graded_with_a_very_long_name_v003"
STRAY = (Finding("SEQ-STRAY", Severity.WARNING, "an unfinished write"),)


def printed(check: DeliveryCheck) -> str:
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


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ({"others": (CheckedFile(f"x/.{LONG}.1001.exr.Xq81Za", None, STRAY),)}, f".{LONG}.1001.exr.Xq81Za"),
        ({"files": (CheckedFile(f"x/{LONG} copy.exr", None, STRAY),)}, f"x/{LONG} copy.exr"),
        ({"sequences": (CheckedSequence(f"x/{LONG}.####.exr", 1, FrameNumbers.of([1001])),)}, f"x/{LONG}.####.exr"),
    ],
)
def test_names_are_whole_on_a_narrow_terminal(
    given: dict[str, tuple[CheckedFile | CheckedSequence, ...]], name: str
) -> None:
    out = io.StringIO()
    check = replace(made().check, **given)
    print_check(check, Console(file=out, width=40), least=Severity.ERROR)
    assert name in out.getvalue()
