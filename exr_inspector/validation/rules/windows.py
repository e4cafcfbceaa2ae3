"""WIN: data and display window, pixel aspect ratio, screen window.

`exr.conformance` finds windows that the OpenEXR library refuses; these rules check windows that it accepts.
"""

from __future__ import annotations

import math
import re

from pydantic import Field

from exr_inspector.exr.chunks.layout import is_window
from exr_inspector.exr.header.values import AttributeValue, Box2i, Rational
from exr_inspector.exr.problems import ProblemKind
from exr_inspector.model import Severity
from exr_inspector.validation.facts import traits as t
from exr_inspector.validation.facts.facts import FileFacts, PartFacts
from exr_inspector.validation.parameters import NotNegative, Pixels, Positive, RuleParameters, Size
from exr_inspector.validation.rule import (
    NOTHING,
    WHERE_OFFSET,
    WRITE_ONE,
    Found,
    Remedy,
    Results,
    counted,
    file_rule,
    part_rule,
)

_SQUEEZE = re.compile("(?<!de)squeeze|anamorphic(?!.*(?:squeeze|bokeh|version))", re.IGNORECASE)
_FACTOR = re.compile(r"\s*(\d(?:\.\d+)?)\s*(?:x|:\s*1)?\s*")  # 2, 2.0, 2x, 1.8:1
_SQUEEZES = (1.05, 2.5)
_STRETCHED = 1.6  # width by height; sensors behind anamorphic lenses have 1.2 to 1.5, stretched images 1.78 and more
_MAX_SCALE = 8  # smaller parts are crops
_MIN_SCALED = 16  # pixels; narrower ones, too


def _size(box: Box2i) -> str:
    return f"{box.width}x{box.height}"


def _corners(box: Box2i) -> str:
    return f"({box.x_min}, {box.y_min})-({box.x_max}, {box.y_max})"


def _windows(part: PartFacts) -> tuple[Box2i, Box2i] | None:
    """Data and display window; None if one is absent or invalid, which WIN-INVALID reports."""
    data, display = part.part.data_window, part.part.display_window
    if data is None or display is None or not (is_window(data) and is_window(display)):
        return None
    return data, display


def _intersect(a: Box2i, b: Box2i) -> bool:
    return a.x_min <= b.x_max and b.x_min <= a.x_max and a.y_min <= b.y_max and b.y_min <= a.y_max


def _overscan_share(data: Box2i, display: Box2i) -> float:
    """The largest overscan of a side as a share of the display window's size in that direction."""
    left, top, right, bottom = _overscan(data, display)
    return max(max(left, right) / display.width, max(top, bottom) / display.height)


def _overscan(data: Box2i, display: Box2i) -> tuple[int, int, int, int]:
    """Pixels of the data window beyond the display window: left, top, right, bottom; negative if it is smaller."""
    return (
        display.x_min - data.x_min,
        display.y_min - data.y_min,
        data.x_max - display.x_max,
        data.y_max - display.y_max,
    )


def _below_limit(parameters: WindowParameters) -> int:
    return t.LARGE if parameters.max_dimension_px >= t.LARGE_PX else t.ALWAYS


class WindowParameters(RuleParameters):
    """Parameters of the rules on windows."""

    show_resolution: Size | None = Field(
        None, description="Width and height that the display window must have (WIN-SHOW-RES)."
    )
    pixel_aspect_ratio: Positive = Field(1.0, description="Pixel aspect ratio of the show (WIN-PAR-NOT-ONE).")
    max_dimension_px: Pixels = Field(65_536, description="Largest width or height of a window (WIN-TOO-LARGE).")
    max_overscan: NotNegative = Field(
        0.5, description="Overscan on one side as a share of the display window's size (WIN-OVERSCAN-BIG)."
    )


@part_rule(
    "WIN-TOO-LARGE",
    Severity.WARNING,
    "Windows are no larger than max_dimension_px",
    why="Readers reserve memory for every pixel of the data window; a single stray object can make it huge.",
    source="OpenEXR technical introduction (setMaxImageSize)",
    fix="Find the object or transform that stretches the bounding box, or raise the parameter max_dimension_px.",
    command="oiiotool IN.exr -a --crop WxH+X+Y -o OUT.exr",
    remedy=Remedy.CONVERSION,
    when=_below_limit,
)
def too_large(part: PartFacts, parameters: WindowParameters) -> Results:
    limit = parameters.max_dimension_px
    largest = max((max(window.width, window.height) for window in _windows(part) or ()), default=0)
    if largest <= limit:
        return NOTHING
    message = f"A window is {largest} pixels wide or high; expected at most {limit}"
    return [Found(message, f"{largest}", f"at most {limit}")]


@part_rule(
    "WIN-DISPLAY-ORIGIN",
    Severity.WARNING,
    "The display window starts at (0, 0)",
    why="Several applications ignore or misread the offset of the display window.",
    source="OpenEXR technical introduction (Display Window and Data Window)",
    fix="Move the display window and the data window by the same offset, so that the display window starts "
    "at (0, 0): X and Y are the new corner of the data window, WxH the size of the display window.",
    command="oiiotool IN.exr -a --origin +X+Y --fullsize WxH+0+0 -o OUT.exr",
    remedy=Remedy.CONVERSION,
    profiles={"texture": "error"},
    when=t.WINDOWS,
)
def display_origin(part: PartFacts, _: object) -> Results:
    windows = _windows(part)
    if windows is None or not (windows[1].x_min or windows[1].y_min):
        return NOTHING
    display = windows[1]
    corner = f"({display.x_min}, {display.y_min})"
    return [Found(f"The display window starts at {corner}, not at (0, 0)", corner, "(0, 0)")]


@part_rule(
    "WIN-DATA-OUTSIDE",
    Severity.WARNING,
    "The data window and the display window overlap",
    why="No pixel of the image is visible.",
    source="OpenEXR technical introduction (Display Window and Data Window)",
    fix="Check the crop or transform before the node that writes the file.",
    profiles={"comp": "error"},
    when=t.WINDOWS,
)
def data_outside(part: PartFacts, _: object) -> Results:
    windows = _windows(part)
    if windows is None:
        return NOTHING
    data, display = windows
    if _intersect(data, display):
        return NOTHING
    found, expected = _corners(data), _corners(display)
    return [Found(f"The data window {found} lies outside the display window {expected}", found, expected)]


@part_rule(
    "WIN-CROPPED",
    Severity.INFO,
    "The data window equals the display window: neither crop nor overscan",
    why="Cropped images and overscan are legal, but software that ignores the data window shows them stretched or shifted.",
    source="OpenEXR technical introduction (Display Window and Data Window)",
    fix="No action is needed if the crop or overscan is intended. Otherwise crop or pad the image to the display window.",
    command="oiiotool IN.exr -a --croptofull -o OUT.exr",
    remedy=Remedy.CONVERSION,
    yields_to=("WIN-DATA-OUTSIDE",),
    profiles={"texture": "warning"},
    when=t.WINDOWS,
)
def cropped(part: PartFacts, _: object) -> Results:
    windows = _windows(part)
    if windows is None or windows[0] == windows[1]:
        return NOTHING
    data, display = windows
    beyond = _overscan(data, display)
    found, expected = _corners(data), _corners(display)
    is_crop = min(beyond) < 0
    message = f"The data window {found} {'is a crop of' if is_crop else 'extends beyond'} the display window {expected}"
    if max(beyond) > 0:
        message += " and extends beyond it elsewhere" if is_crop else ""
        message += f" by up to {counted(max(beyond), 'pixel')} ({_overscan_share(data, display):.1%}): overscan"
    is_turned = data.width == display.height != data.height == display.width
    message += ", or were the width and height of a window exchanged?" if is_turned else ""
    return [Found(message, found, expected, severity=Severity.WARNING if is_turned else None)]


@file_rule(
    "WIN-PART-SCALED",
    Severity.WARNING,
    "No part is a smaller copy of the image at a half or less of its size",
    why="Compositing software places its pixels in the corner of the image instead of scaling it.",
    source="gaffer#4983",
    fix="Render the layer at full resolution.",
    when=t.MULTI_PART,
    limits="Parts of an integer fraction of the first part's data window in both directions, from the same corner.",
)
def part_scaled(file: FileFacts, _: object) -> Results:
    firsts: dict[str | None, Box2i] = {}
    found = []
    for part in file.parts:
        windows = _windows(part)
        if windows is None:
            continue
        data = windows[0]
        first = firsts.setdefault(part.part.view, data)
        factor = round(first.width / data.width)
        if not 1 < factor <= _MAX_SCALE or data.width < _MIN_SCALED:
            continue
        # The last pixels may be cut off or rounded up. Crops to the image seldom are such fractions.
        sizes = {
            (first.width // factor, first.height // factor),
            (-(-first.width // factor), -(-first.height // factor)),
        }
        is_corner = (data.x_min, data.y_min) == (first.x_min, first.y_min)
        if is_corner and (data.width, data.height) in sizes:
            mine, other = _size(data), _size(first)
            message = f"The part has {mine} pixels in the corner of {other}: 1/{factor} of the size"
            found.append(Found(message, mine, other, part=part.index))
    return found


@file_rule(
    "WIN-PARTS-DIFFER",
    Severity.INFO,
    "All parts of a view have the same data window",
    why="Readers that take one bounding box for the whole file fail, or shift the other parts.",
    source="exrs#247",
    fix="Write all layers with the same data window: switch off automatic data windows of the renderer, and extend the smaller "
    "layers when merging files.",
    when=t.MULTI_PART,
    yields_to=("WIN-PART-SCALED",),
)
def parts_differ(file: FileFacts, _: object) -> Results:
    firsts: dict[str | None, tuple[int, Box2i]] = {}
    found: dict[str | None, Found] = {}
    for part in file.parts:
        windows, view = _windows(part), part.part.view
        if windows is None or view in found:
            continue
        index, first = firsts.setdefault(view, (part.index, windows[0]))
        if windows[0] != first:
            mine, other = _corners(windows[0]), _corners(first)
            message = f"The data window is {mine}, but that of part {index} {other}"
            found[view] = Found(message, mine, other, part=part.index)
    return list(found.values())


@part_rule(
    "WIN-OVERSCAN-BIG",
    Severity.WARNING,
    "Overscan is no larger than max_overscan",
    why="Unintended overscan costs render time and storage.",
    source="OpenEXR technical introduction (Display Window and Data Window)",
    fix="Crop to the agreed overscan, or raise the parameter max_overscan.",
    command="oiiotool IN.exr -a --crop WxH+X+Y -o OUT.exr",
    remedy=Remedy.CONVERSION,
    when=t.WINDOWS,
)
def overscan_big(part: PartFacts, parameters: WindowParameters) -> Results:
    """Check the largest overscan of a side as a share of the display window's size in that direction."""
    windows = _windows(part)
    if windows is None or not _intersect(*windows):
        return NOTHING
    share = _overscan_share(*windows)
    if share <= parameters.max_overscan:
        return NOTHING
    limit = f"at most {parameters.max_overscan:.0%}"
    message = f"Overscan is {share:.0%} of the display window on one side; expected {limit}"
    return [Found(message, f"{share:.0%}", limit)]


@part_rule(
    "WIN-SHOW-RES",
    Severity.ERROR,
    "The display window has the show's resolution",
    why="A frame of another size jumps in the cut, or the delivery is refused.",
    source="the show's policy (show_resolution)",
    fix="Render at the show's resolution, or reformat the image.",
    command="oiiotool IN.exr -a --fit WxH -o OUT.exr",
    needs=("show_resolution",),
)
def show_resolution(part: PartFacts, parameters: WindowParameters) -> Results:
    wanted, display = parameters.show_resolution, part.part.display_window
    if wanted is None or display is None or (display.width, display.height) == wanted:
        return NOTHING
    expected = f"{wanted[0]}x{wanted[1]}"
    return [Found(f"The display window is {_size(display)}; the show has {expected}", _size(display), expected)]


def _other_aspect(parameters: WindowParameters) -> int:
    """Traits for which the rule is called: if square pixels are required, only parts with other pixels."""
    return t.SCREEN if parameters.pixel_aspect_ratio == 1 else t.ALWAYS


@part_rule(
    "WIN-PAR-NOT-ONE",
    Severity.INFO,
    "The pixel aspect ratio is the show's",
    why="An anamorphic image treated as spherical, or the reverse, is shown stretched.",
    source="the show's policy (pixel_aspect_ratio)",
    fix="Correct the attribute if it is wrong, or set the parameter pixel_aspect_ratio if the show is anamorphic.",
    command="exrstdattr -pixelAspectRatio 1 IN.exr OUT.exr",
    remedy=Remedy.EDIT,
    profiles={"strict": "warning"},
    when=_other_aspect,
)
def pixel_aspect_ratio(part: PartFacts, parameters: WindowParameters) -> Results:
    ratio, wanted = part.part.pixel_aspect_ratio, parameters.pixel_aspect_ratio
    if ratio is None or ratio == wanted or math.isclose(ratio, wanted, rel_tol=1e-6):
        return NOTHING
    if not 1e-6 <= ratio <= 1e6:
        return NOTHING  # reported by WIN-PAR-RANGE
    severity = Severity.WARNING if "pixel_aspect_ratio" in parameters.model_fields_set else None
    message = f"The pixel aspect ratio is {ratio:g}; expected {wanted:g}"
    return [Found(message, f"{ratio:g}", f"{wanted:g}", severity=severity)]


@part_rule(
    "WIN-SQUEEZE",
    Severity.WARNING,
    "An image that an anamorphic lens squeezed has the lens's factor as its pixel aspect ratio",
    why="It is shown too narrow, and computer graphics do not fit it.",
    source="openexrpython#16 (ARRIRAW conversion with a ratio of 1); camdkit#24 (anamorphic squeeze)",
    fix="Set pixelAspectRatio to the factor, or correct the attribute of the lens if the lens was spherical.",
    command="exrstdattr -pixelAspectRatio 2 IN.exr OUT.exr",
    remedy=Remedy.EDIT,
    limits="Attributes whose names have squeeze or anamorphic, and images that are less than 1.6 times as wide as high: wider "
    "ones may have been stretched.",
)
def squeeze(part: PartFacts, _: object) -> Results:
    display = part.part.display_window
    if part.part.pixel_aspect_ratio != 1 or display is None or display.width >= _STRETCHED * display.height:
        return NOTHING
    every = "\n".join(part.part.by_name).lower()
    if "squeeze" not in every and "anamorphic" not in every:
        return NOTHING  # as in nearly all files; faster than searching each name
    for name, attribute in part.part.by_name.items():
        factor = _factor(attribute.value) if _SQUEEZE.search(name) else None
        if factor and _SQUEEZES[0] <= factor <= _SQUEEZES[1]:
            message = f"{name} is {factor:g}, but the pixel aspect ratio is 1, and the image has the shape of a sensor"
            return [Found(message, "1", f"{factor:g}")]
    return NOTHING


def _factor(value: AttributeValue) -> float | None:
    if isinstance(value, str):
        text = _FACTOR.fullmatch(value)
        return float(text[1]) if text else None
    number = value.value if isinstance(value, Rational) else value
    return float(number) if isinstance(number, (int, float)) else None


@part_rule(
    "WIN-SCREEN",
    Severity.WARNING,
    "screenWindowCenter and screenWindowWidth are finite numbers",
    why="Software that projects the image computes a wrong camera. The OpenEXR library does not refuse NaN.",
    source="OpenEXRCore 3.5 validation.c; OpenEXR standard attributes",
    problem=ProblemKind.SCREEN_WINDOW,
    fix="Write the camera's values, or (0, 0) and 1. The command overwrites the four bytes of the width, since tools of "
    f"the OpenEXR library cannot open files in which it is negative; {WHERE_OFFSET}. For the centre, it is "
    "`exrstdattr -screenWindowCenter 0 0 IN.exr OUT.exr`.",
    command=WRITE_ONE,
    remedy=Remedy.BYTES,
    limits="Finite values only; whether the values fit the camera cannot be known from the file.",
    when=t.SCREEN,
)
def screen_window(part: PartFacts, _: object) -> Results:
    """Report values that are not finite; `exr.conformance` checks for a negative width."""
    found = []
    width = part.part.value("screenWindowWidth", "float")
    if isinstance(width, float) and not math.isfinite(width):
        offset = part.part.by_name["screenWindowWidth"].offset
        found.append(Found(f"screenWindowWidth is {width}, not a finite number", str(width), "finite", offset=offset))
    centre = part.part.value("screenWindowCenter", "v2f")
    if isinstance(centre, tuple) and not all(math.isfinite(float(x)) for x in centre):  # type: ignore[arg-type]  # v2f
        found.append(Found(f"screenWindowCenter is {centre}, not finite", str(centre), "finite"))
    return found


@part_rule(
    "WIN-ODW",
    Severity.WARNING,
    "originalDataWindow contains the data window",
    why="originalDataWindow records the pixels before a crop, so the data window cannot reach beyond it.",
    source="OpenEXR standard attributes",
    fix="Write originalDataWindow before cropping, or remove it.",
    command="oiiotool IN.exr -a --eraseattrib originalDataWindow -o OUT.exr",
    remedy=Remedy.EDIT,
    when=t.ORIGINAL_WINDOW,
)
def original_data_window(part: PartFacts, _: object) -> Results:
    original, data = part.part.value("originalDataWindow", "box2i"), part.part.data_window
    if not isinstance(original, Box2i) or data is None:
        return NOTHING
    if max(_overscan(data, original)) <= 0:
        return NOTHING
    found, expected = _corners(data), _corners(original)
    return [Found(f"The data window {found} is not inside originalDataWindow {expected}", found, expected)]
