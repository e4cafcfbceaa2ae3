"""The default profile on the corpus: no errors in valid files, and errors in damaged ones.

Each error on a readable file stands in the table below with what supports it. The corpus is found by EXR_CORPUS or beside the
checkout; nothing of it is copied.
"""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path

import pytest

from exr_inspector.inspector import Inspector, InspectorConfig
from exr_inspector.model import Inspection, Severity, StatsMode
from exr_inspector.settings import load_settings
from exr_inspector.storage import SourceOpener
from exr_inspector.validation import PROFILES, builtin_policy, validate_file
from exr_inspector.validation.engine import RULE_FAILED

CORPUS = Path(os.environ.get("EXR_CORPUS") or Path(__file__).resolve().parents[3] / "shared" / "corpus")
pytestmark = pytest.mark.skipif(not CORPUS.is_dir(), reason="no corpus: set EXR_CORPUS to its folder")

READABLE = [
    path.relative_to(CORPUS).as_posix()
    for folder in ("openexr-images", "openexr", "cryptomatte")
    for path in sorted((CORPUS / folder).glob("*.exr"))
]
DAMAGED = [path.relative_to(CORPUS).as_posix() for path in sorted((CORPUS / "damaged").glob("*"))]

# file -> errors from header and chunk tables, and why they are correct; all other files have none
HEADER_ERRORS: dict[str, tuple[set[str], str]] = {
    "openexr/comp_early_eof_piz.exr": (
        {"STR-HDR-END", "WIN-INVALID"},
        "a negative attribute size behind a display window that is none; exrcheck and exrheader refuse it",
    ),
    "openexr/comp_invalid_unknown.exr": ({"STR-HDR-END"}, "an attribute larger than the file; exrcheck refuses it"),
    "openexr/invalid_shared_attrs_multipart.exr": (
        {"STR-SHARED-ATTRS", "CHK-ZERO-OFFSET", "CHK-TABLE-TRUNC"},
        "made to differ in pixelAspectRatio; exrheader refuses it, and it holds no chunk",
    ),
    "openexr/tiled.exr": ({"CHK-OFFSET-RANGE", "CHK-LEADER"}, "cut off behind its header; exrcheck refuses it"),
    "openexr/unfinished_multipart.exr": ({"CHK-OFFSET-RANGE"}, "two parts were never written; exrcheck refuses it"),
}
# file -> further errors when all pixels are read
PIXEL_ERRORS: dict[str, tuple[set[str], str]] = {
    "openexr-images/TestImages_AllHalfValues.exr": (
        {"PIX-NAN", "PIX-INF"},
        "every HALF there is; oiiotool counts the same NaN and Inf",
    ),
    "openexr-images/TestImages_BrightRingsNanInf.exr": ({"PIX-NAN", "PIX-INF"}, "made so; oiiotool counts the same"),
    "openexr/lineOrder_decreasing.exr": ({"PIX-INF"}, "12531 infinite values of A; oiiotool counts the same"),
    "openexr/test_native1.exr": ({"PIX-NAN", "PIX-INF"}, "random bits; oiiotool counts the same"),
}


# image of an expert -> warnings of the default profile when all pixels are read; all other images have none
WARNINGS: dict[str, tuple[set[str], str]] = {
    "Chromaticities_XYZ_YC.exr": ({"CHN-LUMA-CHROMA"}, "luminance and chroma, which few compositing applications read"),
    "LuminanceChroma_Flowers.exr": ({"CHN-LUMA-CHROMA"}, "the same"),
    "DisplayWindow_t05.exr": ({"WIN-DISPLAY-ORIGIN"}, "made to have its display window elsewhere"),
    "DisplayWindow_t12.exr": ({"WIN-DISPLAY-ORIGIN", "WIN-DATA-OUTSIDE"}, "the same, and no pixel of it is shown"),
    "DisplayWindow_t15.exr": ({"WIN-DISPLAY-ORIGIN"}, "as t05"),
    "TestImages_AllHalfValues.exr": ({"PIX-HALF-MAX"}, "every HALF there is"),
    "TestImages_WideFloatRange.exr": (
        {"PIX-NEGATIVE"},
        "G alone, -1.7e38 to 1.7e38",
    ),
    "cornellBox_CryptoWildcard.0001.exr": ({"PIX-BLACK"}, "its beauty is black"),
    "sidecar_manifest.exr": ({"CRY-MANIF-FILE"}, "the file of its manifest is not in the corpus"),
}


@cache
def opener() -> SourceOpener:
    return SourceOpener(load_settings({}, secrets_dir=None))


def inspect(name: str, stats: StatsMode = StatsMode.OFF) -> Inspection:
    source = opener().open_url(str(CORPUS / name))
    return Inspector(InspectorConfig(stats=stats)).inspect(source, builtin_policy("default"))


def errors(inspection: Inspection) -> set[str]:
    return {finding.code for finding in inspection.findings if finding.severity is Severity.ERROR}


@pytest.mark.parametrize("name", READABLE)
def test_header_errors_are_those_in_the_table(name: str) -> None:
    inspection = inspect(name)
    assert errors(inspection) == HEADER_ERRORS.get(name, (set(), ""))[0], inspection.findings
    assert RULE_FAILED not in {finding.code for finding in inspection.findings}


@pytest.mark.parametrize("name", READABLE)
def test_pixel_errors_are_those_in_the_tables(name: str) -> None:
    expected = HEADER_ERRORS.get(name, (set(), ""))[0] | PIXEL_ERRORS.get(name, (set(), ""))[0]
    inspection = inspect(name, StatsMode.FULL)
    assert errors(inspection) == expected, inspection.findings
    assert RULE_FAILED not in {finding.code for finding in inspection.findings}


@pytest.mark.parametrize("name", [name for name in READABLE if not name.startswith("openexr/")])
def test_warnings_are_those_in_the_table(name: str) -> None:
    found = inspect(name, StatsMode.FULL).findings
    warned = {finding.code for finding in found if finding.severity is Severity.WARNING}
    assert warned == WARNINGS.get(name.rpartition("/")[2], (set(), ""))[0], found


def test_every_damaged_file_has_an_error() -> None:
    silent = []
    for name in DAMAGED:
        inspection = inspect(name)
        assert RULE_FAILED not in {finding.code for finding in inspection.findings}, name
        if not errors(inspection):
            silent.append(name)
    assert DAMAGED
    assert silent == []


def test_no_rule_fails_under_any_profile() -> None:
    for name in READABLE:
        inspection = inspect(name)
        for profile in PROFILES:
            assert RULE_FAILED not in {finding.code for finding in validate_file(inspection, builtin_policy(profile))}
