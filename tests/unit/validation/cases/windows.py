"""Cases of the rules in `validation/rules/windows.py`."""

from __future__ import annotations

from exr_inspector.model import Severity
from tests.support.exrbytes import Part, a_box2i, a_float, a_rational, a_string, a_vector, build
from tests.unit.validation.cases.made.structure import E, extra, instead, window
from tests.unit.validation.judging import PLAIN, Case


def two_sizes(first: int, second: int) -> bytes:
    """Two square parts, whose data windows end at these pixels."""
    boxes = [(0, 0, last, last) for last in (first, second)]
    whole = (0, 0, first, first)
    return build([Part(name=f"p{i}", data_window=box, display_window=whole) for i, box in enumerate(boxes)])


def squeezed(factor: float, width: int = 4, name: str = "lens.SqueezeFactor") -> bytes:
    """An image of three rows by a lens with a factor."""
    return build([Part(data_window=(0, 0, width - 1, 2), extra=[a_float(name, factor)])])


def with_text(name: str, value: str) -> bytes:
    """An image of the shape of a sensor with a text."""
    return build([Part(data_window=(0, 0, 3, 2), extra=[a_string(name, value)])])


ANAMORPHIC = instead(a_float("pixelAspectRatio", 2.0))
CASES = [
    Case("WIN-TOO-LARGE", build([Part(replace=[a_box2i("displayWindow", (0, 0, 70_000, 2))])])),
    Case("WIN-DISPLAY-ORIGIN", window(5, 5, 8, 8), window(0, 0, 8, 8)),
    Case("WIN-DATA-OUTSIDE", window(20, 0, 23, 2, display=(0, 0, 9, 9)), window(9, 0, 23, 2, display=(0, 0, 9, 9))),
    Case("WIN-CROPPED", window(1, 0, 3, 2, display=(0, 0, 9, 9))),
    Case("WIN-CROPPED", window(0, 0, 3, 1, display=(0, 0, 1, 3)), severity=Severity.WARNING),
    Case("WIN-CROPPED", window(0, 0, 3, 1, display=(0, 0, 1, 4)), severity=Severity.INFO),
    Case("WIN-PARTS-DIFFER", two_sizes(31, 30), two_sizes(31, 31)),
    Case("WIN-PART-SCALED", two_sizes(31, 15), two_sizes(31, 31)),
    Case("WIN-PART-SCALED", two_sizes(32, 15), two_sizes(15, 31)),
    Case("WIN-PART-SCALED", two_sizes(32, 16), two_sizes(32, 17)),
    Case("WIN-OVERSCAN-BIG", window(-6, 0, 9, 9, display=(0, 0, 9, 9)), window(-5, 0, 9, 9, display=(0, 0, 9, 9))),
    Case("WIN-SHOW-RES", PLAIN, window(0, 0, 9, 9), parameters={"show_resolution": [10, 10]}),
    Case("WIN-PAR-NOT-ONE", ANAMORPHIC),
    Case("WIN-PAR-NOT-ONE", PLAIN, ANAMORPHIC, Severity.WARNING, {"pixel_aspect_ratio": 2}),
    Case("WIN-SQUEEZE", squeezed(2.0, 4), squeezed(2.0, 5)),
    Case("WIN-SQUEEZE", squeezed(1.8, 4), squeezed(1.0000001)),
    Case("WIN-SQUEEZE", with_text("lensSqueeze", "1.8:1"), with_text("anamorphicLens", "2.1.0")),
    Case("WIN-SQUEEZE", squeezed(2, name="anamorphicFactor"), squeezed(2, name="camera/anamorphicBokeh")),
    Case("WIN-SQUEEZE", extra(a_rational("lensSqueeze", 2, 1)), squeezed(2, name="anamorphicDesqueeze")),
    Case("WIN-SQUEEZE", *(extra(a_string("lensSqueeze", text)) for text in ("1.8:1", "anamorphic"))),
    Case("WIN-SCREEN", instead(a_float("screenWindowWidth", -1.0)), severity=E),
    Case("WIN-SCREEN", instead(a_float("screenWindowWidth", float("nan")))),
    Case(
        "WIN-SCREEN",
        instead(a_vector("screenWindowCenter", "v2f", (float("inf"), 0))),
        instead(a_vector("screenWindowCenter", "v2f", (4, 0))),
    ),
    Case(
        "WIN-ODW",
        extra(a_box2i("originalDataWindow", (0, 0, 2, 2))),
        extra(a_box2i("originalDataWindow", (-1, 0, 3, 2))),
    ),
]
