"""SEQ: sequence rules on pixels, for frames of which all pixels were read. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from itertools import groupby
from statistics import median

import numpy as np

from exr_inspector.model import Severity, ZeroGrid
from exr_inspector.validation.facts.black_cells import Cells, cells_of, rectangles
from exr_inspector.validation.facts.sequences import SequenceFacts
from exr_inspector.validation.frames import FramePixels, FrameSummary
from exr_inspector.validation.rule import Found, Results, listed, sequence_rule
from exr_inspector.validation.rules.sequences.headers import SequenceParameters, of_frames

NEIGHBOURS = 2  # frames on each side that a frame is compared with
_LEAST_SIDE = 4  # cells of the shorter side of an image whose quarters are compared
_HOLE_LIGHT = 2  # a rectangle may hold so many times the light of others of its size
_FADE_FRAMES = 3  # frames that fall, each below the one before
_FADED = 0.4  # the most that the last of them has, in parts of the first, and of the median of the sequence
_STEPS_LEFT = 1.5  # the most that the last of them has, in steps from the frame before
_FEW_BLACK = 3  # so many black frames may be lost ones


def seen_frames(sequence: SequenceFacts) -> list[tuple[FrameSummary, FramePixels]]:
    """The frames of which all pixels were read, with their statistics."""
    return [(frame, frame.pixels) for frame in sequence.frames if frame.pixels is not None]


def _has_images(seen: Sequence[tuple[FrameSummary, FramePixels]]) -> bool:
    """Whether the beauty of a frame has more than one colour, unlike the patches that calibrate a display."""
    return any(pixels.is_constant is False and not pixels.is_black for _, pixels in seen)


def with_zeros(sequence: SequenceFacts) -> list[tuple[int, ZeroGrid]]:
    """Number and regions of zeros of each frame that is not black."""
    return [
        (frame.frame, pixels.zeros) for frame, pixels in seen_frames(sequence) if pixels.zeros and not pixels.is_black
    ]


def _holes(grids: Sequence[ZeroGrid], index: int) -> Iterator[tuple[int, int, int, int]]:
    """The rectangles of cells that are zero in a grid, but not in those around it."""
    grid = grids[index]
    before = _without_zeros(grid, grids[max(0, index - NEIGHBOURS) : index][::-1])
    after = _without_zeros(grid, grids[index + 1 : index + 1 + NEIGHBOURS])
    return rectangles(cells_of(grid) & _lit_around(before, after))


def takes_hole(grids: Sequence[ZeroGrid], index: int, lost: float) -> bool:
    """Whether black rectangles that the frames around a frame do not have explain that it lost this share of its light."""
    hole = sum(width * height for _, _, width, height in _holes(grids, index))
    lit = int((~cells_of(grids[index])).sum())
    return hole > 0 and lost <= _HOLE_LIGHT * hole / (hole + lit)


def _without_zeros(grid: ZeroGrid, others: Sequence[ZeroGrid]) -> list[Cells]:
    """The mask of non-zero cells of each other frame with the same size as `grid`."""
    return [~cells_of(other) for other in others if _same_size(other, grid)]


def _lit_around(before: Sequence[Cells], after: Sequence[Cells]) -> Cells | bool:
    """The mask of cells that are not zero before and after a frame, from the nearest two frames of each side, nearest first."""
    if not before or not after:
        side = before or after
        return bool(len(side) == NEIGHBOURS) and side[0] & side[1]
    lit: Cells = before[0] & np.any(after, axis=0) | np.any(before, axis=0) & after[0]
    return lit


def _same_size(one: ZeroGrid, other: ZeroGrid) -> bool:
    return (one.columns, one.rows, one.cell_px) == (other.columns, other.rows, other.cell_px)


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
    seen = seen_frames(sequence)
    others = _has_images(seen)
    faded, _ = fades([pixels for _, pixels in seen])
    odd = [(i, frame.frame) for i, (frame, pixels) in enumerate(seen) if _is_odd_black(pixels, has_images=others)]
    lost = [number for i, number in odd if i not in faded]
    ends = [number for i, number in odd if i in faded]
    return [
        *of_frames(lost, "R, G and B are zero in every pixel", "an image, as in other frames"),
        *of_frames(ends, "black, at the end of a fade", "black", severity=Severity.INFO),
    ]


def _is_odd_black(pixels: FramePixels, *, has_images: bool) -> bool:
    return bool(pixels.is_black) and (pixels.has_other_content or has_images)


def fades(seen: Sequence[FramePixels]) -> tuple[set[int], set[int]]:
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
    seen = seen_frames(sequence)
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
    while end < len(lit) and lit[end] is False and end - first <= NEIGHBOURS:
        end += 1
    around = [*lit[max(0, first - NEIGHBOURS) : first], *lit[end : end + NEIGHBOURS]]
    return end - first <= NEIGHBOURS and around == [True] * (2 * NEIGHBOURS)


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
    seen = seen_frames(sequence)
    if not _has_images(seen):
        return []
    odd = [frame.frame for frame, pixels in seen if pixels.is_constant and not pixels.is_black]
    return of_frames(odd, "every pixel has the same colour", "an image, as in other frames")


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
    seen = with_zeros(sequence)
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
    for quarters, run in groupby(range(len(seen)), lambda index: _black_quarters(cells_of(seen[index][1]))):
        frames = [*run]
        sides = [(at, at + step) for at, step in ((frames[0], -1), (frames[-1], 1)) if 0 <= at + step < len(seen)]
        if (
            len(seen) > NEIGHBOURS
            and sides
            and any(quarters)
            and all(_are_apart(seen[a][1], seen[b][1]) for a, b in sides)
        ):
            odd += [seen[index][0] for index in frames if seen[index][0] not in named]
    what = "quarters of the image are black, and the others are not: was a tile lost when the image was put together?"
    return of_frames(odd, what, "an image in all quarters", "black quarters", Severity.WARNING)


def _are_apart(one: ZeroGrid, other: ZeroGrid) -> bool:
    """Whether two frames of one size have no black cell in common."""
    return _same_size(one, other) and not (cells_of(one) & cells_of(other)).any()


def _black_quarters(cells: Cells) -> tuple[bool, ...]:
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
