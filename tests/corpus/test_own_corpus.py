"""The checks of the tests of real files on generated files, so that they run without a corpus."""

from __future__ import annotations

import contextlib
import time
from pathlib import Path

import OpenEXR
import pytest

from bench.fuzz import exercise
from exr_inspector.errors import FormatError
from exr_inspector.exr.chunks.tables import tables_end
from exr_inspector.exr.header.parser import parse_header
from exr_inspector.inspector import Inspector, InspectorConfig
from exr_inspector.model import Inspection, Severity, StatsMode
from exr_inspector.pixels.budget import DecodeBudget
from exr_inspector.pixels.reader import PixelConfig
from exr_inspector.storage import SourceOpener
from exr_inspector.validation import PROFILES, builtin_policy, validate_file
from exr_inspector.validation.engine import RULE_FAILED
from tests.corpus.own import INCOMPLETE, REFUSED, SAMPLES, flipped, readable, truncated
from tests.corpus.test_format_corpus import FIRST_READ, chunks_of, our_verdict, problems_of
from tests.corpus.test_pixels_corpus import check_figures, report
from tests.support.located import layouts_of
from tests.unit.exr.test_agreement import compare_part

NAMES = sorted(readable())
LOSSLESS = ("none", "rle", "zips", "zip", "piz")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("own")
    for name, data in readable().items():
        (made / name).write_bytes(data)
    return made


def inspect(opener: SourceOpener, data: bytes, stats: StatsMode = StatsMode.OFF) -> Inspection:
    return Inspector(InspectorConfig(stats=stats)).inspect(opener.open_bytes(data), builtin_policy("default"))


def errors(inspection: Inspection) -> set[str]:
    codes = {finding.code for finding in inspection.findings}
    assert RULE_FAILED not in codes
    return {finding.code for finding in inspection.findings if finding.severity is Severity.ERROR}


@pytest.mark.parametrize("name", NAMES)
def test_every_attribute_is_what_the_openexr_module_reads(name: str, folder: Path) -> None:
    header = parse_header(readable()[name])
    opened = OpenEXR.File(str(folder / name), header_only=True)
    assert len(opened.parts) == len(header.parts)
    for index, part in enumerate(header.parts):
        compare_part(part, opened.header(index))


@pytest.mark.parametrize("name", NAMES)
def test_sound_files_are_complete_and_the_others_are_not(name: str, folder: Path) -> None:
    assert not [problem for problem in problems_of(parse_header(readable()[name])) if problem.fatal]
    verdicts, found = chunks_of(folder / name)
    assert all(verdict.is_complete for verdict in verdicts) == (name not in INCOMPLETE)
    assert (found.problems == ()) or name in INCOMPLETE


@pytest.mark.parametrize("name", sorted(set(NAMES) - INCOMPLETE))
def test_full_figures_are_those_of_the_openexr_module(
    name: str, folder: Path, opener: SourceOpener, budget: DecodeBudget
) -> None:
    whole = OpenEXR.File(str(folder / name), separate_channels=True, num_threads=0)
    found, layouts = report(readable()[name], opener, budget, PixelConfig(strip_bytes=60_000))
    assert found.faults == ()
    for part, layout in zip(whole.parts, layouts, strict=True):
        for one in (channel for channel in found.channels if channel.part == part.part_index):
            assert one.exact
            check_figures(one, part.channels[one.channel].pixels, is_deep=layout.is_deep)


def test_lossless_compressions_of_one_image_have_one_pixel_hash(opener: SourceOpener, budget: DecodeBudget) -> None:
    config = PixelConfig(hash_pixels=True, hash_file=True)
    reports = [report(readable()[f"compression_{name}.exr"], opener, budget, config)[0] for name in LOSSLESS]
    assert len({one.parts[0].pixel_hash for one in reports} - {None}) == 1
    assert len({one.file_hash for one in reports}) == len(LOSSLESS)


@pytest.mark.heavy
def test_every_file_that_is_cut_off_has_an_error(tmp_path: Path, opener: SourceOpener) -> None:
    silent = []
    for name, data in truncated().items():
        (tmp_path / "cut.exr").write_bytes(data)
        if not our_verdict(tmp_path / "cut.exr") or not errors(inspect(opener, data)):
            silent.append(name)
    assert silent == []


@pytest.mark.heavy
def test_changed_bytes_raise_nothing_but_our_errors_and_cost_little(opener: SourceOpener, budget: DecodeBudget) -> None:
    slowest = (0.0, "")
    for name, data in flipped().items():
        started = time.process_time()
        exercise(data)
        slowest = max(slowest, (time.process_time() - started, name))
        errors(inspect(opener, data))
        with contextlib.suppress(FormatError):
            found, _ = report(data, opener, budget, PixelConfig(all_levels=True))
            assert {fault.code for fault in found.faults} <= {"EXR_DECODE", "LIMIT_EXCEEDED"}
        assert budget.decoded.used == budget.packed.used == 0
    assert slowest[0] < 2.0, slowest


def test_one_read_is_enough_for_every_file_but_those_with_large_manifests() -> None:
    beyond = [
        name
        for name, data in readable().items()
        if min(tables_end(header := parse_header(data), [one for one in layouts_of(header) if one]), len(data))
        > FIRST_READ
    ]
    assert set(beyond) == {"cryptomatte_manifest_126k.exr"} | {name for name in beyond if "manifest_64k" in name}


# Samples with a deliberate oddity; all others have usual layouts and get no warning.
WARNED = {
    "black.exr": {"PIX-BLACK"},
    "header_only.exr": {"CHK-TABLE-TRUNC"},
    "luminance_chroma.exr": {"CHN-LUMA-CHROMA"},
    "nan_inf.exr": {"PIX-INF", "PIX-NAN"},
    "out_of_range.exr": {"PIX-FIREFLY", "PIX-HALF-MAX", "PIX-NEGATIVE"},
    "tiled_mipmap_unwritten.exr": {"CHK-ZERO-UPPER-LEVELS"},
    "truncated.exr": {"CHK-OFFSET-RANGE", "CHK-PAST-EOF"},
    "truncated_last_chunk.exr": {"CHK-PAST-EOF"},
    "unfinished.exr": {"CHK-REBUILDABLE"},  # all chunks are there, their offsets are not
    **{f"compression_{name}.exr": {"CMP-NEW-CODEC"} for name in ("htj2k256", "htj2k32", "lj2k", "zstd")},
}


@pytest.mark.parametrize("name", sorted({path.name for path in SAMPLES.rglob("*.exr")} - REFUSED))
def test_the_default_profile_warns_of_nothing_usual(opener: SourceOpener, budget: DecodeBudget, name: str) -> None:
    inspector = Inspector(InspectorConfig(stats=StatsMode.FULL), budget=budget)
    found = inspector.inspect(opener.open_bytes(readable()[name], key=name), builtin_policy("default")).findings
    warned = {finding.code for finding in found if finding.severity is not Severity.INFO}
    assert warned == WARNED.get(name, set()), found


def test_no_rule_fails_under_any_profile(opener: SourceOpener) -> None:
    for data in readable().values():
        inspection = inspect(opener, data)
        for profile in PROFILES:
            codes = {finding.code for finding in validate_file(inspection, builtin_policy(profile))}
            assert RULE_FAILED not in codes
