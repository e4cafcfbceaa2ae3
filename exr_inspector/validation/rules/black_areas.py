"""PIX: lost tiles of an image, render regions, black lines, edges that fade, stripes of single columns, repeated pixels.

Only commands that read all pixels know of these. The function's folder does not have this module (`registry.OF_IMAGES`).
"""

from __future__ import annotations

from exr_inspector.exr.chunks.layout import span_text
from exr_inspector.model import ChannelStats, Severity
from exr_inspector.validation.facts.facts import PartFacts
from exr_inspector.validation.facts.roles import is_matte
from exr_inspector.validation.rule import NOTHING, Found, Results, listed, pixel_rule
from exr_inspector.validation.small_images.tiles import tiles_and_bands

_MOST_LINES = 2  # inside the image; charts and grids have more


def _main_image(part: PartFacts) -> list[ChannelStats]:
    """The statistics of R, G and B of the main image, if all pixels were read and have many values; else empty."""
    every = part.stats_of(next(iter(part.main_images), ()))
    is_seen = len(every) == 3 and all(s.exact and s.has_many_values for s in every)
    return every if is_seen else []


@pixel_rule(
    "PIX-BLACK-TILES",
    Severity.INFO,
    "No tile, and no band of whole rows or columns, is black while everything else is not",
    why="A bucket or tile of the render or of the denoiser is missing.",
    source="RadeonProRenderBlenderAddon#46 (black tiles); RenderManForBlender#720 (black squares)",
    fix="Render or denoise the frame again. Nothing if they are free space of an atlas or contact sheet, or part of a chart.",
    profiles={"texture": "off"},
    limits="Square tiles of 16 pixels and more with edges at multiples of 8, one of them inside the image. They have nearly "
    "all zeros of the image, and at most a quarter of its pixels; a warning where alpha is zero as well and 1 elsewhere. Bands "
    "of at least 8 rows or columns, from edge to edge, where alpha is not zero, or inside an image that is opaque elsewhere; "
    "not a letterbox. Known when files are read, not by their stored rows.",
)
def black_tiles(part: PartFacts, _: object) -> Results:
    """Report tiles of a grid in which R, G and B are exactly zero, if nearly no other pixel is.

    Objects, letterboxes and the space around the charts of textures have other edges, or reach the edge of the image.
    """
    every, grid = _main_image(part), part.pixels.zeros if part.pixels else None
    if not every or grid is None or not any(grid.bits):
        return NOTHING
    return tiles_and_bands(part, every, grid)


@pixel_rule(
    "PIX-REGION",
    Severity.INFO,
    "The image is not empty outside of a rectangle",
    why="A render region was left on: everything outside of it is missing.",
    source="BlendLuxCore#156 (a border render clears the rest of the image)",
    fix="Render the frame without a region, or crop the data window to it. Nothing for a rectangular element on black.",
    profiles={"texture": "off"},
    limits="Rectangles of 64 x 64 pixels up to 9/10 of the image, known to 8 pixels, with content along nearly all of all four "
    "sides; not from edge to opposite edge, nor in an even frame. Known when files are read, not by their stored rows.",
)
def region(part: PartFacts, _: object) -> Results:
    every, grid, window = _main_image(part), part.pixels.zeros if part.pixels else None, part.part.data_window
    box = grid.region if grid else None
    if not every or grid is None or window is None or box is None or is_matte(part.file.inspection.key):
        return NOTHING
    alpha = part.stats.get(every[0].channel.removesuffix("R") + "A")
    if alpha is not None and alpha.zero_count < window.width * window.height - box.width * box.height:
        return NOTHING
    area = f"{box.width} x {box.height} pixels at ({box.x_min}, {box.y_min})"
    names = "R, G and B" if alpha is None else "R, G, B and A"
    message = f"{names} are zero everywhere but in {area}, in steps of {grid.cell_px}: a render region?"
    return [Found(message, area, f"{window.width} x {window.height} pixels", every[0].channel)]


@pixel_rule(
    "PIX-BLACK-BORDER",
    Severity.INFO,
    "The image has no black border",
    why="A crop, filter or scaling that is off by a pixel leaves a line, which shows in edges, blurs and tiled textures.",
    source="ComfyUI-FlashVSR#4 (a border of one pixel)",
    fix="Look at the edges. Correct the crop or the padding of the last step, and write the image again.",
    limits="Up to 7 rows or columns beside an image that is lit. Known when files are read, not by their stored rows.",
)
def black_border(part: PartFacts, _: object) -> Results:
    """Report narrow black rows and columns at the edges, unless the data window differs from the display window.

    Nuke writes a black edge around a cropped data window.
    """
    return _black_lines(part, is_border=True) if part.part.data_window == part.part.display_window else NOTHING


@pixel_rule(
    "PIX-BLACK-LINE",
    Severity.WARNING,
    "No black row or column crosses the image",
    why="Regions that were rendered separately leave a gap of a pixel where their edges were rounded. Readers "
    "and copies lose rows.",
    source="blender-renderborder#7 (seams between regions)",
    fix="Render the regions with an overlap of a pixel and put them together again, or write the image again.",
    profiles={"texture": "info"},
    limits="One or two lines of up to 7 pixels inside the first part, between pixels that are lit; more lines are a chart. "
    "Info for a row and a column, and in the exact middle, where images are put side by side. "
    "Known when files are read, not by their stored rows.",
)
def black_line(part: PartFacts, _: object) -> Results:
    return _black_lines(part, is_border=False)


def _black_lines(part: PartFacts, *, is_border: bool) -> Results:
    """The finding on black rows and columns at the edges, or inside the image."""
    every, lines, window = _main_image(part), part.pixels.lines if part.pixels else None, part.part.data_window
    if not every or lines is None or window is None:
        return NOTHING
    hits = []
    directions: set[bool] = set()
    is_divider = False
    for is_column, first, end in lines.black:
        size, start = (window.width, window.x_min) if is_column else (window.height, window.y_min)
        if (first == 0 or end == size) is is_border:
            directions.add(is_column)
            is_divider |= first + end == size
            hits.append(span_text("column" if is_column else "row", start + first, start + end - 1))
    if not hits or (len(hits) > _MOST_LINES and not is_border):
        return NOTHING
    message = f"R, G and B are zero in {listed(hits)}, beside pixels that are not"
    severity = Severity.INFO if is_divider or len(directions) > 1 else None
    expected = "an image up to its edges" if is_border else "an image"
    return [Found(message, listed(hits), expected, every[0].channel, severity=severity)]


@pixel_rule(
    "PIX-BORDER-FADE",
    Severity.INFO,
    "The image does not fade to black at its edges",
    why="A blur or scaling filter took black from outside of the image: the edges get dark when the image is used.",
    source="spin_nuke_gizmos#5 (black from outside in a blur)",
    fix="Blur or scale the image with repeated edges, or with pixels beyond them: in Nuke, switch off `black outside`.",
    limits="Edges that fade to about half within 3 to 16 pixels on all four sides. Known when files are read, not by "
    "their stored rows.",
)
def border_fade(part: PartFacts, _: object) -> Results:
    every, lines = _main_image(part), part.pixels.lines if part.pixels else None
    if not every or lines is None or lines.border_level is None:
        return NOTHING
    message = f"The edges are {lines.border_level:.2g} times what the image is a few pixels further in, on all sides"
    return [Found(message, f"{lines.border_level:.2g}", "1", every[0].channel)]


@pixel_rule(
    "PIX-STRIPES",
    Severity.WARNING,
    "The image has no stripes of single columns over its whole width",
    why="Pixels of three channels were read as four, or of four as three: every column shows another channel.",
    source="openmoonray#228 (a buffer of color3f read as color4f)",
    fix="Write the image with the number of channels that the buffer has.",
    limits="Steps between columns that repeat after 3 or 4 columns in all rows and channels. Known when files are read, not by "
    "their stored rows.",
)
def stripes(part: PartFacts, _: object) -> Results:
    every, lines = _main_image(part), part.pixels.lines if part.pixels else None
    if not every or lines is None or not lines.stripe_period:
        return NOTHING
    message = f"Vertical stripes that repeat after {lines.stripe_period} columns: pixels of another number of channels?"
    return [Found(message, f"every {lines.stripe_period} columns", "no stripes", every[0].channel)]


@pixel_rule(
    "PIX-ENLARGED",
    Severity.WARNING,
    "The pixels of the image differ from those beside them",
    why="A proxy was enlarged without a filter: the frame has the size of the others, and a part of their detail.",
    source="Netflix Frame Error (frames that were blown up)",
    fix="Render the frame, or convert it from its full source, at its own size.",
    profiles={"texture": "off"},
    limits="Main images in which each pixel is repeated 2 to 4 times in both directions, exactly: not after a filter or lossy "
    "compression. Known when files are read, not by their stored rows.",
)
def enlarged(part: PartFacts, _: object) -> Results:
    every, lines = _main_image(part), part.pixels.lines if part.pixels else None
    if not every or lines is None or lines.repeats == 1:
        return NOTHING
    size = f"{lines.repeats} x {lines.repeats}"
    message = f"Each pixel is there {size} times: enlarged from an image of a lower resolution?"
    return [Found(message, f"{size} equal pixels", "different pixels", every[0].channel)]
