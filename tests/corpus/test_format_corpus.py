"""Real files: attributes equal exrheader's output, and verdicts are compared with those of the reference tools."""

import time
import tracemalloc
from pathlib import Path

import pytest

from bench.fuzz import exercise
from exr_inspector.errors import FormatError
from exr_inspector.exr.chunks.checks import LeaderReport, check_all_leaders
from exr_inspector.exr.chunks.layout import part_layout
from exr_inspector.exr.chunks.tables import Completeness, assess, tables_end
from exr_inspector.exr.conformance.header import check_header
from exr_inspector.exr.file_bytes import FileBytes, run_in_memory
from exr_inspector.exr.header.idmanifest import decode_manifest
from exr_inspector.exr.header.parser import Header, parse_header
from exr_inspector.exr.header.values import IdManifest
from exr_inspector.exr.problems import Problem
from exr_inspector.validation import rule_of
from tests.corpus.conftest import VALID_FOLDERS, corpus_files, truth_of
from tests.corpus.exrheader_text import as_exrheader, parse_exrheader
from tests.support.located import layouts_of, located

VALID = corpus_files(*VALID_FOLDERS)
DAMAGED = corpus_files("damaged")
FIRST_READ = 65_536


def name(path: Path) -> str:
    return path.name[:48]


def parsed(path: Path) -> Header:
    data = path.read_bytes()
    return parse_header(data)


def library_opens(path: Path) -> bool:
    """Whether exrheader could open the file at all."""
    return truth_of(path, "header").rstrip().endswith("# rc=0")


def differences(header: Header, text: str) -> list[str]:
    found: list[str] = []
    truth = parse_exrheader(text)
    if len(truth) != len(header.parts):
        return [f"{len(header.parts)} parts, {len(truth)} printed"]
    for part, printed in zip(header.parts, truth, strict=True):
        ours = {a.name: (a.type_name, as_exrheader(a)) for a in part.by_name.values()}
        if "type" not in ours and not header.is_multi_part:
            printed.pop("type", None)  # invented by exrheader
        found += [
            f"part {part.index} {key}: {ours.get(key)} but printed {printed.get(key)}"
            for key in ours.keys() | printed.keys()
            if ours.get(key) != printed.get(key)
        ]
    return found


# Readable files whose type attribute disagrees with their flags: exrheader prints the library's interpretation.
RETYPED = {"scanline_with_tiledimage_type.exr": "tiledimage", "tiled_with_deeptile_type.exr": "deeptiled"}
# Files of the readable folders whose header no tool can read: it is truncated, or its sizes are garbage.
UNREADABLE = {"comp_early_eof_piz.exr", "comp_invalid_unknown.exr"}


@pytest.mark.parametrize("path", VALID, ids=name)
def test_every_attribute_is_what_exrheader_prints(path: Path) -> None:
    if path.name in UNREADABLE:
        with pytest.raises(FormatError):
            parsed(path)
        return
    header = parsed(path)
    if not library_opens(path):
        assert any(problem.fatal for problem in problems_of(header))
        return
    found = differences(header, truth_of(path, "header"))
    if path.name in RETYPED:
        assert header.parts[0].declared_type == RETYPED[path.name]
        assert len(found) == 1
        assert "STR-TYPE-MISMATCH" in {rule_of(problem.kind) for problem in problems_of(header)}
    else:
        assert found == []


def problems_of(header: Header) -> tuple[Problem, ...]:
    return check_header(header, layouts_of(header))


def chunks_of(path: Path) -> tuple[list[Completeness], LeaderReport]:
    data = path.read_bytes()
    found = located(data)
    file = FileBytes()
    file.size = len(data)
    report = run_in_memory(check_all_leaders(found.chunks, file), data)
    verdicts = [
        assess(layout, table, state, part.chunk_count, report.checked)
        for layout, table, state, part in zip(
            found.layouts, found.tables, report.states, found.header.parts, strict=True
        )
    ]
    return verdicts, report


# Incomplete files of the readable folders, with the parts and chunks that are missing.
INCOMPLETE = {
    "unfinished_multipart.exr": [0, 0, 1, 1],  # the last two parts' chunks were never written
    "tiled.exr": [9],  # truncated behind its table, whose last entry is garbage
}


@pytest.mark.parametrize("path", VALID, ids=name)
def test_verdicts_of_the_readable_folders(path: Path) -> None:
    tools = truth_of(path, "header") + truth_of(path, "check")
    if path.name in UNREADABLE:
        assert " bad" in tools
        return
    header = parsed(path)
    if any(problem.fatal for problem in problems_of(header)):
        assert not library_opens(path)
        return
    verdicts, report = chunks_of(path)
    missing = [verdict.chunk_count - verdict.present for verdict in verdicts]
    assert missing == INCOMPLETE.get(path.name, [0] * len(verdicts)), report.problems
    assert ("(incomplete)" in tools) == (path.name in INCOMPLETE)
    if path.name not in INCOMPLETE:
        assert report.problems == ()
        assert " bad" not in tools


def our_verdict(path: Path) -> str:
    """The code of the first error; empty for a valid file."""
    try:
        header = parsed(path)
        fatal = next((rule_of(problem.kind) for problem in problems_of(header) if problem.fatal), None)
        if fatal:
            return fatal
        for part in header.parts:
            part_layout(part)
        verdicts, report = chunks_of(path)
    except FormatError as error:
        return error.code
    if all(verdict.is_complete for verdict in verdicts):
        return ""
    return rule_of(report.problems[0].kind) if report.problems else "incomplete"


# Damaged files that exrheader opens nevertheless, by the start of their names: our error code, and the defect.
OPENED = {
    "asan_heap-oob_7f5c18182f27": "EXR_LAYOUT",  # names garbled, among them dataWindow: the tool invents 64 x 64 pixels
    "asan_heap-oob_7fa34eacd389": "CHK-PAST-EOF",  # truncated in a chunk; the tool reports it as incomplete, too
    "asan_heap-oob_7fbe2d8e838e": "CHK-LEADER",  # a leader names another tile
    "asan_heap-oob_7fe4c4caa975": "EXR_LAYOUT",  # ends after a few attributes: the tool invents seven
    "asan_heap-oob_7fe667eb33a2": "",  # screenWindowCenter has a garbled name: reported, yet every chunk is there
    "asan_stack-oob_433d4f": "EXR_HEADER_TRUNCATED",  # a garbled size: the tool goes on in the middle of a value
    "imf_test_deep_tile_file_fuzz": "CHK-DEEP-SIZES",  # impossible sizes of a deep tile
    "imf_test_tile_file_fuzz": "EXR_LAYOUT",  # the multi-part flag in a header without types
    "memory_DOS_2.1": "LIMIT_EXCEEDED",  # 100 million pixels wide
    "memory_DOS_2.2": "LIMIT_EXCEEDED",  # 84 million pixels wide
    "openexr_2.2.0_heap_buffer": "CHK-PACKED-SIZE",  # a chunk larger packed than unpacked
    "openexr_2.2.0_memory_alloc": "LIMIT_EXCEEDED",  # 738 million lines
    "poc-66e4d1f68a31": "CHK-PACKED-SIZE",  # as above
    "poc-c9457552c1c0": "EXR_HEADER_DAMAGED",  # a negative size: the tool drops the attribute and reads its bytes as another
    "poc-df1fefc5fb45": "STR-ATTR-SIZE",  # a window of a wrong size: the same
}


@pytest.mark.parametrize("path", DAMAGED, ids=name)
def test_verdicts_of_damaged_files(path: Path) -> None:
    verdict = our_verdict(path)
    tool = truth_of(path, "check")
    assert " bad" in tool or tool.endswith(
        "# cut\n"
    )  # the verdict is at the end of an output that was too long to keep
    if library_opens(path):
        (expected,) = [code for start, code in OPENED.items() if path.name.startswith(start)]
        assert verdict == expected
        if not verdict:
            assert "STR-REQ-MISSING" in {rule_of(problem.kind) for problem in problems_of(parsed(path))}
    else:
        assert verdict
        assert not verdict.startswith("CHK-GAPS")


def test_no_file_costs_more_than_it_may() -> None:
    """Time and memory of each file, damaged ones included, with every analysis of its bytes."""
    if not DAMAGED:
        pytest.skip("no corpus")
    slowest, largest = (0.0, ""), (0, "")
    for path in DAMAGED + VALID:
        data = path.read_bytes()
        started = time.process_time()
        exercise(data)
        slowest = max(slowest, (time.process_time() - started, path.name))
        if path in DAMAGED:
            tracemalloc.start()
            try:
                exercise(data)
                largest = max(largest, (tracemalloc.get_traced_memory()[1] - 2 * len(data), path.name))
            finally:
                tracemalloc.stop()
    assert slowest[0] < 2.0, slowest
    assert largest[0] < 32 << 20, largest


def test_one_read_is_enough_for_almost_every_file() -> None:
    if not VALID:
        pytest.skip("no corpus")
    enough = 0
    readable = [path for path in VALID if path.name not in UNREADABLE]
    for path in readable:
        header = parsed(path)
        layouts = [layout for layout in layouts_of(header) if layout is not None]
        enough += min(tables_end(header, layouts), path.stat().st_size) <= FIRST_READ
    assert enough >= 0.95 * len(readable)


def test_the_public_id_manifest(corpus: Path) -> None:
    value = parsed(corpus / "openexr" / "manifest_id.exr").parts[0].value("idManifest", "idmanifest")
    assert isinstance(value, IdManifest)
    groups = decode_manifest(value)
    assert "id" in {channel for group in groups for channel in group.channels}
    for group in groups:
        assert group.entries
        assert all(len(texts) == len(group.components) for _, texts in group.entries)
