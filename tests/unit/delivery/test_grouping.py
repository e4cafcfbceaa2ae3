"""Findings of many files are grouped in one line for each kind; texts that differ only in numbers are one kind."""

from __future__ import annotations

from dataclasses import replace

import pytest

from exr_inspector.delivery.grouping import group_findings, group_strays
from exr_inspector.delivery.sequences import CheckedFile, CheckedSequence
from exr_inspector.model import Finding, Severity
from exr_inspector.validation.frame_numbers import FrameNumbers
from exr_inspector.validation.frames import FrameSummary


def groups(*messages: str) -> list[tuple[str, list[int]]]:
    files = [
        CheckedFile(f"show/x.{frame}.exr", frame, (Finding("STR-MAGIC", Severity.ERROR, message),))
        for frame, message in enumerate(messages, 1001)
    ]
    return [(group.message, list(group.frames)) for group in group_findings(files, ())]


@pytest.mark.parametrize(
    "messages",
    [
        ("chunk 42: 191 bytes past the end", "chunk 7: 3 bytes past the end"),
        ("found ff d8 ff e0, expected 76 2f 31 01", "found 89 50 4e 47, expected 76 2f 31 01"),
        ("attribute 'owner' is empty", 'attribute "it\'s" is empty'),
        ("rows 1, 5-7 and 9 are missing", "rows 12 and 40 are missing"),
        ("show/x.1001.exr: a link that leads nowhere", "show/x.1002.exr: a link that leads nowhere"),
        ("R holds 5 NaN, first at (4, 3)", "B, G hold 2 NaN, first at (9, 4) in B"),
        ("the window is 64 x 48", "the window is 1920 x 1080"),
    ],
)
def test_figures_and_names_do_not_divide_a_kind(messages: tuple[str, str]) -> None:
    assert groups(*messages) == [(messages[0], [1001, 1002])]


def test_only_messages_that_differ_are_said_to_be_those_of_the_first_frame() -> None:
    def text(*levels: int) -> str:
        found = [(Finding("PIX-NEGATIVE", Severity.WARNING, f"R goes down to {level}"),) for level in levels]
        (group,) = group_findings([CheckedFile(f"a.{n}.exr", n, each) for n, each in enumerate(found)], ())
        return group.text

    assert text(-2, -2) == text(-2) == "R goes down to -2"
    assert text(-2, -3) == "R goes down to -2 (frame 0; similar in 1 other frame)"


def negative(channels: str, least: float) -> Finding:
    message = f"{channels}: 5 of 9 values are below zero, down to {least:g}"
    return Finding("PIX-NEGATIVE", Severity.INFO, message, channel=channels[-1], found=f"{least:g}")


def test_channels_of_one_layer_are_one_line_with_the_largest_value() -> None:
    found = [negative("B, G, R", -1), negative("R", -3), negative("G, R", -2), negative("diffuse.B, diffuse.R", -9)]
    files = [CheckedFile(f"a.{n}.exr", n, (each,)) for n, each in enumerate(found, 1)]
    assert [(group.text, list(group.frames)) for group in group_findings(files, ())] == [
        ("R: 5 of 9 values are below zero, down to -3 (frame 2; similar in 2 other frames)", [1, 2, 3]),
        (found[3].message, [4]),
    ]


@pytest.mark.parametrize("layer", ["", "View Layer.Normal."])
def test_channels_that_the_message_does_not_name_are_listed(layer: str) -> None:
    found = [
        Finding("PIX-NAN", Severity.ERROR, f"{layer}{c}: {n} NaN", channel=f"{layer}{c}", found=f"{n}")
        for c, n in zip("BGR", (1, 7, 2), strict=True)
    ]
    (group,) = group_findings([CheckedFile("a.1.exr", 1, tuple(found))], ())
    assert group.text == f"{layer}G: 7 NaN (also in {layer}B, {layer}R)"


def test_a_text_is_not_said_of_files_of_another_kind() -> None:
    empty, picture = "the file is empty", "not an OpenEXR file: found ff d8 (a JPEG file)"
    assert groups(empty, picture, empty) == [(empty, [1001, 1003]), (picture, [1002])]


def test_a_fault_is_divided_as_findings_are() -> None:
    files = [
        CheckedFile("a.1.exr", 1, (), "SOURCE_NOT_FOUND: a.1.exr: a link that leads nowhere"),
        CheckedFile("a.2.exr", 2, (), "SOURCE_NOT_FOUND: a.2.exr: no such file"),
    ]
    assert [list(group.frames) for group in group_findings(files, ())] == [[1], [2]]


def test_a_rule_whose_every_text_is_another_is_one_line() -> None:
    words = [f"the layer {letter}eauty differs" for letter in "abcdefghijkl"]
    ((message, frames),) = groups(*words)
    assert (message, frames) == (words[0], [*range(1001, 1013)])


def test_each_attribute_that_a_policy_requires_is_a_line() -> None:
    found = tuple(Finding("SHOW-ATTRIBUTE", Severity.ERROR, f"Attribute {name} is missing") for name in "abcdefgh")
    file = CheckedFile("x.1001.exr", 1001, found, parts=("rgba", "depth"))
    assert len(group_findings([file, replace(file, frame=1002)], ())) == len(found)


def test_copies_of_a_folder_are_one_group_and_images_beside_a_sequence_are_each_alone() -> None:
    def stray(path: str, severity: Severity) -> CheckedFile:
        return CheckedFile(path, None, (Finding("SEQ-STRAY", severity, "a copy"),))

    copies = [stray(f"a/x.{n} (1).exr", Severity.WARNING) for n in (1, 2)]
    others = [stray(f"a/ref{n}.exr", Severity.INFO) for n in (1, 2)]
    elsewhere = stray("b/x.1 (1).exr", Severity.WARNING)
    unread = replace(copies[0], path="a/x.3 (1).exr", fault="gone")
    assert group_strays([*copies, *others, elsewhere, unread]) == [
        copies,
        *([each] for each in (*others, elsewhere, unread)),
    ]


def nans(count: int, part: int = 0) -> Finding:
    return Finding("PIX-NAN", Severity.ERROR, f"R holds {count} NaN", part=part, channel="R")


def test_every_finding_of_a_file_is_listed_with_its_part() -> None:
    file = CheckedFile("a.1.exr", 1, (nans(3), nans(5, 1), nans(7, 1)), parts=("beauty", ""))
    assert [group.text for group in group_findings([file], ())] == [
        "part 0 'beauty': R holds 3 NaN",
        "part 1: R holds 5 NaN",
        "part 1: R holds 7 NaN",
    ]
    again = replace(file, path="a.2.exr", frame=2, findings=(nans(4), nans(6, 1)))
    assert [(group.frames, group.most) for group in group_findings([file, again], ())] == [
        ((1, 2), 1),
        ((1, 2), 1),
        ((1,), 1),
    ]


def test_many_findings_of_a_file_are_one_line_that_counts_them() -> None:
    file = CheckedFile("a.1.exr", 1, tuple(nans(part, part) for part in range(1, 9)), parts=("",) * 9)
    (group,) = group_findings([file], ())
    assert group.text == "part 1: R holds 1 NaN (the first of 8 in a file)"
    (group,) = group_findings([file, replace(file, frame=2)], ())
    assert group.frames == (1, 2)


def test_a_file_of_one_part_does_not_name_it() -> None:
    (group,) = group_findings([CheckedFile("a.1.exr", 1, (nans(3),), parts=("rgba",))], ())
    assert group.text == "R holds 3 NaN"


def test_a_sequence_prints_as_a_line_without_its_files() -> None:
    file = CheckedFile("a.1.exr", 1, (), summary=FrameSummary("a.1.exr", "a.#.exr", 1, 1))
    assert "FrameSummary" not in repr(file)
    assert "CheckedFile" not in repr(CheckedSequence("a.#.exr", 1, FrameNumbers.of([1]), files=(file,)))
