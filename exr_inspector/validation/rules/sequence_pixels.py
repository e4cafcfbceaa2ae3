"""SEQ: sequence rules on pixels, for frames of which all pixels were read. Pure."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import groupby, pairwise
from statistics import median

import numpy as np
import numpy.typing as npt

from exr_inspector.model import Severity, ZeroGrid
from exr_inspector.validation.facts.sequences import SequenceFacts
from exr_inspector.validation.frames import FramePixels, FrameSummary
from exr_inspector.validation.rule import Found, Results, listed, sequence_rule
from exr_inspector.validation.rules.sequences import SequenceParameters, area, of_frames

_NEIGHBOURS = 2  # frames on each side whose median is the expected luminance
_LEAST_SIDE = 4  # cells of the shorter side of an image whose quarters are compared
_LEAST_CELLS = 4  # smaller rectangles are shadows
_STEADY = 4  # frames on each side, at least two, that tell whether the luminance is steady
_LEAST_STEP = 1.25
_HOLE_LIGHT = 2  # a rectangle may hold so many times the light of others of its size
_STEADY_LEVEL = "1, as in the steady frames around it"
_FLICKER_RUNS = 3  # from so many steps on, the light may flicker
_MOST_STEPS = 5  # if also more than one in so many frames is a step
_STEP_TO_SPREAD = 3
_BEACON_RUNS = 3  # steps at equal distances
_ALIKE = 0.1  # the most by which the luminances of a beacon's steps may differ, as a logarithm
_ONE_SIZE = 1.1
_FADE_FRAMES = 3  # frames that fall, each below the one before
_FADED = 0.4  # the most that the last of them has, in parts of the first, and of the median of the sequence
_STEPS_LEFT = 1.5  # the most that the last of them has, in steps from the frame before
_FEW_BLACK = 3  # so many black frames may be lost ones
_Grid = npt.NDArray[np.bool_]


def _seen(sequence: SequenceFacts) -> list[tuple[FrameSummary, FramePixels]]:
    return [(frame, frame.pixels) for frame in sequence.frames if frame.pixels is not None]


def _has_images(seen: Sequence[tuple[FrameSummary, FramePixels]]) -> bool:
    """Whether the beauty of a frame has more than one colour, unlike the patches that calibrate a display."""
    return any(pixels.is_constant is False and not pixels.is_black for _, pixels in seen)


def _with_zeros(sequence: SequenceFacts) -> list[tuple[int, ZeroGrid]]:
    """Number and regions of zeros of each frame that is not black."""
    return [(frame.frame, pixels.zeros) for frame, pixels in _seen(sequence) if pixels.zeros and not pixels.is_black]


def _holes(grids: Sequence[ZeroGrid], index: int) -> Iterator[tuple[int, int, int, int]]:
    """The rectangles of cells that are zero in a grid, but not in those around it."""
    grid = grids[index]
    before = _without_zeros(grid, grids[max(0, index - _NEIGHBOURS) : index][::-1])
    after = _without_zeros(grid, grids[index + 1 : index + 1 + _NEIGHBOURS])
    return _rectangles(_unpacked(grid) & _lit_around(before, after))


def _without_zeros(grid: ZeroGrid, others: Sequence[ZeroGrid]) -> list[_Grid]:
    """The mask of non-zero cells of each other frame with the same size as `grid`."""
    return [~_unpacked(other) for other in others if _same_size(other, grid)]


def _lit_around(before: Sequence[_Grid], after: Sequence[_Grid]) -> _Grid | bool:
    """The mask of cells that are not zero before and after a frame, from the nearest two frames of each side, nearest first."""
    if not before or not after:
        side = before or after
        return bool(len(side) == _NEIGHBOURS) and side[0] & side[1]
    lit: _Grid = before[0] & np.any(after, axis=0) | np.any(before, axis=0) & after[0]
    return lit


def _same_size(one: ZeroGrid, other: ZeroGrid) -> bool:
    return (one.columns, one.rows, one.cell_px) == (other.columns, other.rows, other.cell_px)


def _unpacked(grid: ZeroGrid) -> _Grid:
    bits = np.unpackbits(np.frombuffer(grid.bits, np.uint8), count=grid.rows * grid.columns)
    found: _Grid = bits.reshape(grid.rows, grid.columns).astype(np.bool_)
    return found


def _rectangles(cells: _Grid) -> Iterator[tuple[int, int, int, int]]:
    """Groups of adjacent cells that fill a rectangle, as x, y, width and height in cells."""
    left = cells.copy()
    while left.any():
        y, x = (int(n) for n in np.unravel_index(int(left.argmax()), left.shape))
        width = _run(left[y, x:])
        height = _run(left[y:, x : x + width].all(axis=1))
        stands_alone = not (
            left[y : y + height, max(0, x - 1) : x].any()
            or left[y : y + height, x + width : x + width + 1].any()
            or left[y + height : y + height + 1, x : x + width].any()
        )
        if stands_alone and width * height >= _LEAST_CELLS:
            yield x, y, width, height
        left[y : y + height, x : x + width] = False


def _run(cells: npt.ArrayLike) -> int:
    """The number of consecutive set cells from the first one."""
    found = np.asarray(cells)
    return len(found) if found.all() else int(found.argmin())


@sequence_rule(
    "SEQ-BLACK",
    Severity.ERROR,
    "No frame is black while its other layers or the frames around it are not",
    why="The main image of the frame was not rendered or not written.",
    source="OpenImageIO oiiotool --stats",
    fix="Render or write the frames that the message names again.",
)
def black_beauty(sequence: SequenceFacts, _parameters: SequenceParameters) -> Results:
    """Report frames whose beauty is black while their other layers or other frames hold an image; after a fade it is info."""
    seen = _seen(sequence)
    others = _has_images(seen)
    faded, _ = _fades([pixels for _, pixels in seen])
    odd = [(i, frame.frame) for i, (frame, pixels) in enumerate(seen) if _is_odd_black(pixels, has_images=others)]
    ends = of_frames([number for i, number in odd if i in faded], "black, at the end of a fade", "black")
    return of_frames(
        [number for i, number in odd if i not in faded],
        "R, G and B are zero in every pixel",
        "an image, as in other frames",
    ) + [found._replace(severity=Severity.INFO) for found in ends]


def _is_odd_black(pixels: FramePixels, *, has_images: bool) -> bool:
    return bool(pixels.is_black) and (pixels.has_other_content or has_images)


def _fades(seen: Sequence[FramePixels]) -> tuple[set[int], set[int]]:
    """The positions of black frames, without other content, at which a fade ends or begins, and of the frames that fade.

    Few black frames between others are a fade only if the image fades on both sides of them; else they may be lost frames.
    """
    levels = [0.0 if pixels.is_black else pixels.luminance or 0.0 for pixels in seen]
    lit = [level for level in levels if level > 0]
    usual = median(lit) if lit else 0.0
    black: set[int] = set()
    fading: set[int] = set()
    for is_black, run in groupby(range(len(seen)), lambda i: bool(seen[i].is_black) and not seen[i].has_other_content):
        frames = [*run]
        first, end = frames[0], frames[-1] + 1
        sides = [range(max(0, first - _FADE_FRAMES), first), range(end, min(end + _FADE_FRAMES, len(seen)))[::-1]]
        faded = [side for side in sides if _is_fade([levels[index] for index in side], usual)]
        if is_black and faded and (len(frames) > _FEW_BLACK or len(faded) == sum(map(bool, sides))):
            black.update(frames)
            fading.update(index for side in faded for index in side)
    return black, fading


def _is_fade(levels: Sequence[float], usual: float) -> bool:
    """Whether three levels fall to one that is small and about as large as the step before it, so that black comes next."""
    if len(levels) < _FADE_FRAMES or not levels[0] > levels[1] > levels[2] > 0:
        return False
    return levels[2] < min(_FADED * levels[0], _FADED * usual, _STEPS_LEFT * (levels[1] - levels[2]))


@sequence_rule(
    "SEQ-LAYER-BLACK",
    Severity.WARNING,
    "No layer is black in one or two frames while it is not in the frames around them",
    why="The layer was not rendered or not written in these frames, although their main image was.",
    source="OpenImageIO oiiotool --stats",
    fix="Compare the layer with the frames before and after, and render the frames again if it is lost.",
    limits="Two lit frames on each side; a light that is off for longer, and Cryptomatte, are not reported.",
)
def black_layers(sequence: SequenceFacts, _parameters: SequenceParameters) -> Results:
    """Report layers other than the beauty that are zero in one or two frames between two frames each that hold something."""
    seen = _seen(sequence)
    names = sorted({name for _, pixels in seen for name, is_lit in pixels.layers.items() if not is_lit})
    by_frames: dict[tuple[int, ...], list[str]] = {}
    for name in names:
        lit = [pixels.layers.get(name) for _, pixels in seen]
        odd = tuple(
            seen[index][0].frame for index, is_lit in enumerate(lit) if is_lit is False and _is_short(lit, index)
        )
        if odd:
            by_frames.setdefault(odd, []).append(name)
    return [
        found
        for frames, layers in by_frames.items()
        for found in of_frames(frames, f"{listed(layers)}: zero in every pixel, in the frames around not", "an image")
    ]


def _is_short(lit: Sequence[bool | None], index: int) -> bool:
    """Whether a dark frame is one of at most two in a row, with two lit frames on each side."""
    first = index if index == 0 or lit[index - 1] is not False else index - 1
    end = first
    while end < len(lit) and lit[end] is False:
        end += 1
    around = [*lit[max(0, first - _NEIGHBOURS) : first], *lit[end : end + _NEIGHBOURS]]
    return end - first <= _NEIGHBOURS and around == [True] * (2 * _NEIGHBOURS)


@sequence_rule(
    "SEQ-CONSTANT",
    Severity.ERROR,
    "No frame is one flat colour while the others are images",
    why="A slate, a matte or a failed render replaced the frame.",
    source="OpenImageIO oiiotool --stats (Constant)",
    fix="Replace the frames that the message names by the rendered images.",
)
def constant_frames(sequence: SequenceFacts, _parameters: SequenceParameters) -> Results:
    """Report frames of a single colour other than black, unless all frames are of one colour."""
    seen = _seen(sequence)
    if not _has_images(seen):
        return []
    odd = [frame.frame for frame, pixels in seen if pixels.is_constant and not pixels.is_black]
    return of_frames(odd, "every pixel has the same colour", "an image, as in other frames")


@sequence_rule(
    "SEQ-FLASH",
    Severity.WARNING,
    "The mean luminance of a frame is similar to that of the frames around it",
    why="A light or texture is missing in the frame, or its exposure differs.",
    source="OpenImageIO oiiotool --stats (mean)",
    fix="Compare the frame with those around it, and render it again unless the flash is intended.",
    limits="Of data windows of different sizes, the mean and the sum of the light must both differ. Steps of less than "
    "flash_factor are reported only in one or two frames between steady ones with windows of nearly one size; what a black "
    "rectangle takes from a frame is reported as SEQ-BUCKET alone.",
)
def flash(sequence: SequenceFacts, parameters: SequenceParameters) -> Results:
    """Compare the mean luminance of frames, except flat ones, with the median of two frames on each side.

    One or two frames also differ by less if the luminance around them is steady: by a quarter, and by three times what four
    frames on each side differ among themselves; info if these are many, or at equal distances as those of a beacon. Fades,
    cuts and flicker of a plate are not steady.
    """
    factor = parameters.flash_factor
    every = _seen(sequence)
    seen = [
        (frame, pixels.luminance) for frame, pixels in every if pixels.luminance is not None and not pixels.is_constant
    ]
    _, fading = _fades([pixels for _, pixels in every])
    in_fades = {every[index][0].frame for index in fading}
    zeros = _with_zeros(sequence)
    steps = _steps([(value, _area(frame)) for frame, value in seen])
    runs = sum(index - 1 not in steps for index in steps)
    is_flicker = runs >= _FLICKER_RUNS and _MOST_STEPS * len(steps) > len(seen)
    is_meant = is_flicker or _is_beacon(steps, [value for _, value in seen])
    found = []
    for index, (frame, value) in enumerate(seen):
        around = seen[max(0, index - _NEIGHBOURS) : index] + seen[index + 1 : index + 1 + _NEIGHBOURS]
        usual = median(luminance for _, luminance in around) if len(around) > 1 else 0
        light = median(luminance * _area(other) for other, luminance in around) if len(around) > 1 else 0
        step, expected = value / usual if usual > 0 else 0, f"{1 / factor:.3g} to {factor:g}"
        in_sum = value * _area(frame) / light if light > 0 else 0
        if not (0 < max(step, in_sum) < 1 / factor or min(step, in_sum) > factor):
            step, expected = steps.get(index, 0), _STEADY_LEVEL
        if step > 0 and frame.frame not in in_fades and not (step < 1 and _takes_hole(zeros, frame.frame, 1 - step)):
            ratio = f"{step:.3g}"
            message = f"Frame {frame.frame}: the mean luminance is {ratio} times that of the frames around it"
            severity = Severity.INFO if is_meant and expected == _STEADY_LEVEL else None
            found.append(Found(message, ratio, expected, severity=severity, frames=(frame.frame,)))
    return found


def _area(frame: FrameSummary) -> int:
    """Pixels of the data window; 1 if unknown."""
    return area(frame.data_window or (1, 1))


def _takes_hole(seen: Sequence[tuple[int, ZeroGrid]], number: int, lost: float) -> bool:
    """Whether black rectangles that the frames around a frame do not have explain that it lost this share of its light."""
    index = next((index for index, (frame, _) in enumerate(seen) if frame == number), None)
    if index is None:
        return False
    hole = sum(width * height for _, _, width, height in _holes([grid for _, grid in seen], index))
    lit = int((~_unpacked(seen[index][1])).sum())
    return hole > 0 and lost <= _HOLE_LIGHT * hole / (hole + lit)


def _steps(values: Sequence[tuple[float, int]]) -> dict[int, float]:
    """The positions of one or two values that differ from steady ones around them, each with its ratio to these.

    Args:
        values: Values, each with the area that it was taken from; areas that differ by more than a tenth are not compared.
    """
    levels = [math.log(value) if value > 0 else -math.inf for value, _ in values]
    found: dict[int, float] = {}
    for first in range(len(levels)):
        for end in range(first + 1, min(first + 2, len(levels)) + 1):
            before, after = levels[max(0, first - _STEADY) : first], levels[end : end + _STEADY]
            areas = [area for _, area in values[max(0, first - _STEADY) : end + _STEADY]]
            is_one_size = max(areas) <= _ONE_SIZE * min(areas)
            usual = _steady_level(before[::-1], levels[first:end], after) if is_one_size else None
            if usual is not None:
                found.update((index, math.exp(levels[index] - usual)) for index in range(first, end))
    return found


def _is_beacon(steps: Mapping[int, float], values: Sequence[float]) -> bool:
    """Whether three steps are at equal distances and go to one level.

    One step more on each side counts, too: at the ends of the sequence, too few frames are around it to find it.
    """
    starts = sorted(index for index in steps if index - 1 not in steps)
    distances = {after - before for before, after in pairwise(starts)}
    if len(distances) != 1:
        return False
    (distance,) = distances
    levels = [math.log(values[index]) for index in starts]
    for end in (starts[0] - distance, starts[-1] + distance):
        if 0 <= end < len(values) and values[end] > 0 and abs(math.log(values[end]) - levels[0]) <= _ALIKE:
            levels.append(math.log(values[end]))
    return len(levels) >= _BEACON_RUNS and max(levels) - min(levels) <= _ALIKE


def _steady_level(before: Sequence[float], run: Sequence[float], after: Sequence[float]) -> float | None:
    """The steady level around one or two others that are a step away from it, all as logarithms; None if there is none.

    Few of the levels around may be those of the run, as if every third frame came from another machine, but not the nearest.
    """
    around = [*before, *after]
    if min(len(before), len(after)) < _NEIGHBOURS or not all(map(math.isfinite, [*around, *run])):
        return None
    usual = median(around)
    step = min(abs(level - usual) for level in run)
    others = [level for level in around if abs(level - run[0]) > step / _STEP_TO_SPREAD]
    nearest = [*before[:1], *after[:1]]
    is_alone = 2 * (len(around) - len(others)) < len(others) and all(level in others for level in nearest)
    spread = max(others) - min(others) if others else math.inf
    is_one_step = max(run) - min(run) <= step / _STEP_TO_SPREAD
    return usual if is_alone and is_one_step and step > max(math.log(_LEAST_STEP), _STEP_TO_SPREAD * spread) else None


@sequence_rule(
    "SEQ-BUCKET",
    Severity.ERROR,
    "No frame has a black rectangle that the frames around it do not have",
    why="A bucket or tile of the render is missing.",
    limits="Rectangles in three or more consecutive frames are reported only if they are quarters or halves of the image "
    "beside others without a black area, and if the frame before and the one behind have nothing black there, with severity "
    "warning; not in all frames, and not in sequences of two frames.",
    source="OpenEXR technical introduction (Tiles)",
    fix="Render the frame again.",
)
def bucket(sequence: SequenceFacts, _parameters: SequenceParameters) -> Results:
    """Report rectangles of cells of 8 x 8 pixels whose colour is exactly zero; x and y count from the data window's corner.

    The two frames on each side are compared; for the first and the last frame, both frames on the other side.
    """
    seen = _with_zeros(sequence)
    grids = [grid for _, grid in seen]
    found = []
    for index, (number, grid) in enumerate(seen):
        for cells in _holes(grids, index):
            x, y, width, height = (count * grid.cell_px for count in cells)
            message = f"Frame {number}: R, G and B are zero in {width} x {height} pixels at ({x}, {y})"
            expected = "no such rectangle, as in the frames around it"
            found.append(Found(message, f"{width} x {height} at ({x}, {y})", expected, frames=(number,)))
    named = {frame for each in found for frame in each.frames}
    return found + _in_quarters(seen, named)


def _in_quarters(seen: Sequence[tuple[int, ZeroGrid]], named: Collection[int]) -> list[Found]:
    """Warnings about frames, other than those named, that were put together from four tiles of which some are black.

    If all frames have the black quarters, or if the frames beside them are partly black there, they are the image: an element,
    one half of a panorama, a contact sheet, a wipe.
    """
    odd: list[int] = []
    for quarters, run in groupby(range(len(seen)), lambda index: _black_quarters(_unpacked(seen[index][1]))):
        frames = [*run]
        sides = [(at, at + step) for at, step in ((frames[0], -1), (frames[-1], 1)) if 0 <= at + step < len(seen)]
        if (
            len(seen) > _NEIGHBOURS
            and sides
            and any(quarters)
            and all(_are_apart(seen[a][1], seen[b][1]) for a, b in sides)
        ):
            odd += [seen[index][0] for index in frames if seen[index][0] not in named]
    what = "quarters of the image are black, and the others are not: was a tile lost when the image was put together?"
    found = of_frames(odd, what, "an image in all quarters", "black quarters")
    return [each._replace(severity=Severity.WARNING) for each in found]


def _are_apart(one: ZeroGrid, other: ZeroGrid) -> bool:
    """Whether two frames of one size have no black cell in common."""
    return _same_size(one, other) and not (_unpacked(one) & _unpacked(other)).any()


def _black_quarters(cells: _Grid) -> tuple[bool, ...]:
    """Which quarters are black, if the others have no black cell; else empty. Cells on the middle lines do not count."""
    height, width = cells.shape
    if min(height, width) < _LEAST_SIDE:
        return ()
    rows = slice(0, (height - 1) // 2), slice(height // 2 + 1, height)
    columns = slice(0, (width - 1) // 2), slice(width // 2 + 1, width)
    quarters = [cells[row, column] for row in rows for column in columns]
    black = tuple(bool(quarter.all()) for quarter in quarters)
    is_clear = not any(q.any() for q, is_black in zip(quarters, black, strict=True) if not is_black)
    return black if is_clear and not all(black) else ()
