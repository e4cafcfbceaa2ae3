"""Makes thumbnails: selects the layers to show, maps averages to display colours, and computes a hash for near-duplicates.

Colour is shown at exposure 0 with the sRGB transfer function and the file's own primaries, clipped to 0 to 1. Other channels
(depth, normals, ids) have no defined white: their smallest average is shown black, their largest white. Alpha is not applied,
since OpenEXR's colour is premultiplied. Boxes with a NaN and pixels that could not be decoded are magenta.
"""

from __future__ import annotations

import importlib.util
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from exr_inspector.errors import SettingsError
from exr_inspector.exr.chunks.layout import Layout, Level
from exr_inspector.exr.header.parser import Header, PartHeader
from exr_inspector.exr.header.values import Preview
from exr_inspector.exr.names import image_layers
from exr_inspector.model import Thumbnail, Thumbnails
from exr_inspector.pixels.boxes import BoxSums, Canvas, Floats, canvas_size
from exr_inspector.texts import missing_package

LONGEST_PX = 160
MOST_PICTURES = 64
THUMBNAILS_SETTING = "EXR_THUMBNAILS"
_MOST_LEVEL_PX = 1024
_QUALITY = 80
_EFFORT = 2  # of 6; half the time of 4, and a size within a few percent
MAGENTA = (255, 0, 255)
# Components that are shown in one picture, ignoring case, and whether they are colour.
_COMPONENT_SETS = (
    (("R", "G", "B"), True),
    (("RED", "GREEN", "BLUE"), True),
    (_CHROMA := ("Y", "RY", "BY"), True),
    (("X", "Y", "Z"), False),
)
_LUMA = np.array([0.2126, 0.7152, 0.0722])  # Rec. 709, OpenEXR's default
_HASH_ROWS, _HASH_COLUMNS = 8, 9

Bytes8 = npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class ShownLayer:
    """The channels that one thumbnail shows.

    Attributes:
        part: Index of the part.
        layer: Layer, or the channel if only one is shown; empty for the base layer.
        channels: Positions in the layout's channels: red, green, blue; Y, RY, BY; or one or three other channels.
        is_colour: Whether they are colour; otherwise their range of values is mapped from black to white.
        is_chroma: Whether they are luminance and chroma.
    """

    part: int
    layer: str
    channels: tuple[int, ...]
    is_colour: bool = True
    is_chroma: bool = False


def require_encoder(asked: str) -> None:
    """Check that pictures can be encoded; `asked` is what needs them: THUMBNAILS_SETTING or a command.

    Raises:
        SettingsError: Pillow is not installed.
    """
    if importlib.util.find_spec("PIL") is None:
        error = missing_package(asked, "Pillow", "report")
        if asked != THUMBNAILS_SETTING:
            raise error
        raise SettingsError(
            f"{error}; for the function, add the line of requirements-local.txt that pins it to requirements.txt and build the"
            " image again"
        )


def shown_layers(header: Header, layouts: Sequence[Layout], which: Thumbnails) -> tuple[ShownLayer, ...]:
    """The layers to show: none, the main layer of each view, or every layer of every flat part, at most MOST_PICTURES."""
    if which is Thumbnails.OFF:
        return ()
    found = _flat_layers(layouts)
    if which is Thumbnails.LAYERS:
        return tuple(found[:MOST_PICTURES])
    images = image_layers(header)
    views = [layer for layer in found if layer.is_colour and layer.layer in images.get(layer.part, ())]
    return tuple(dict.fromkeys(main_layers(layouts) + views))


def main_layers(layouts: Sequence[Layout]) -> list[ShownLayer]:
    """The main layer of a file, or none in one without a flat part.

    It is the base layer of the first part in which that is colour; otherwise the first layer with colour; in a file without
    colour the first channel.
    """
    return sorted(
        _flat_layers(layouts), key=lambda layer: (not layer.is_colour, layer.is_colour and layer.layer != "")
    )[:1]


def _flat_layers(layouts: Sequence[Layout]) -> list[ShownLayer]:
    flat = [(part, layout) for part, layout in enumerate(layouts) if layout.levels and not layout.is_deep]
    return [layer for part, layout in flat for layer in _of_part(part, layout)]


def _of_part(part: int, layout: Layout) -> Iterator[ShownLayer]:
    """The pictures of one part: one for the colour of each layer, one for X, Y and Z, and one for each other channel."""
    layers: dict[str, dict[str, int]] = {}
    for number, channel in enumerate(layout.channels):
        layer, _, component = channel.name.rpartition(".")
        layers.setdefault(layer, {})[component] = number
    for layer, numbers in layers.items():
        by_name = {name.upper(): number for name, number in numbers.items()}
        used: set[int] = set()
        for names, is_colour in _COMPONENT_SETS:
            chosen = tuple(by_name[name] for name in names if name in by_name)
            if len(chosen) == len(names) and used.isdisjoint(chosen):
                yield ShownLayer(part, layer, chosen, is_colour, names is _CHROMA)
                used.update(chosen)
        for name, number in numbers.items():
            if number not in used and name.upper() not in {"A", "ALPHA"}:
                is_luminance = name == "Y" and "X" not in by_name
                yield ShownLayer(part, layer if is_luminance else layout.channels[number].name, (number,), is_luminance)


class PictureSums(BoxSums):
    """Box sums of one level of a part, and the thumbnails made from them."""

    __slots__ = ("_layers",)

    def __init__(self, canvas: Canvas, layers: Sequence[ShownLayer]) -> None:
        super().__init__(canvas)
        self._layers = layers

    def result(self) -> tuple[Thumbnail, ...]:
        """The thumbnails."""
        return tuple(map(self._thumbnail, self._layers))

    def _thumbnail(self, picture: ShownLayer) -> Thumbnail:
        means = np.stack([self.means(number) for number in picture.channels])
        if picture.is_chroma:
            means = _from_chroma(means)
        covered = self._canvas.covered
        missing = np.isnan(means).any(axis=0) & covered
        transform, exposure = "sRGB", 0.0 if picture.is_colour else None
        if picture.is_colour:
            shown = _srgb(means)
        else:
            shown, transform = _stretched(means)
        shown = np.rint(np.where(covered & ~missing, shown, 0.0) * 255).astype(np.uint8)
        pixels = np.moveaxis(np.broadcast_to(shown, (3, *covered.shape)), 0, -1).copy()
        pixels[missing] = MAGENTA
        level = self._canvas.level
        source = f"level {level.level_x},{level.level_y}"
        return _made(pixels, picture.part, picture.layer, source, exposure=exposure, transform=transform)


def canvases(header: Header, layouts: Sequence[Layout], layers: Sequence[ShownLayer]) -> dict[int, Canvas]:
    """By part, the canvas of level (0, 0) of each part that is shown."""
    shown = {layer.part for layer in layers}
    return {part: canvas_of(header.parts[part], layouts[part], layouts[part].levels[0]) for part in shown}


def canvas_of(part: PartHeader, layout: Layout, level: Level, longest: int = LONGEST_PX) -> Canvas:
    """The canvas of one level of a part, with at most `longest` pixels on the longer side."""
    display = part.display_window or layout.data_window
    if display.width < 1 or display.height < 1:
        display = layout.data_window
    width, height = canvas_size(display, part.pixel_aspect_ratio, longest)
    return Canvas(layout, level, display, width, height)


def small_level(layout: Layout) -> int | None:
    """Position of the smallest level after the first with LONGEST_PX to _MOST_LEVEL_PX on its longer side; None without one."""
    fitting = [
        (level.width * level.height, number)
        for number, level in enumerate(layout.levels[1:], 1)
        if LONGEST_PX <= max(level.width, level.height) <= _MOST_LEVEL_PX
    ]
    return min(fitting)[1] if fitting else None


def preview_pixels(preview: Preview) -> Bytes8:
    """The pixels of a preview attribute, RGBA from 0 to 255, shape (height, width, 4), top row first."""
    return np.frombuffer(preview.rgba, np.uint8).reshape(preview.height, preview.width, 4)


def from_preview(preview: Preview, part: int) -> Thumbnail | None:
    """The thumbnail of the preview attribute, scaled down if it is large; None if the preview has no pixels."""
    from PIL import Image  # noqa: PLC0415 - an optional dependency, needed for thumbnails only

    rgba = preview_pixels(preview)
    if not rgba.size:
        return None
    image = Image.fromarray(np.ascontiguousarray(rgba[..., :3]))
    image.thumbnail((LONGEST_PX, LONGEST_PX), Image.Resampling.BOX)
    return _made(np.asarray(image), part, "", "preview", exposure=None, transform="none")


def difference_hash(pixels: Bytes8) -> int:
    """The signed 64-bit difference hash of a picture: similar pictures differ in few bits; 0 for one without structure.

    The luma is averaged in 8 rows and 9 columns of equal size. Each bit states whether the right neighbour is brighter, row by
    row. (The difference hash of Neal Krawetz, 2013.)

    Args:
        pixels: Displayed pixels, shape (rows, columns, 3).
    """
    luma = pixels.astype(np.float64) @ _LUMA
    rows, columns = (_shares(size, count) for size, count in zip(luma.shape, (_HASH_ROWS, _HASH_COLUMNS), strict=True))
    small = np.rint(rows @ luma @ columns.T)
    bits = np.packbits(small[:, :-1] < small[:, 1:])
    return int.from_bytes(bits.tobytes(), "big", signed=True)


def _shares(size: int, count: int) -> Floats:
    """Matrix of shape (count, size) that averages `size` values in `count` equal intervals, including partial values."""
    edges = np.arange(count + 1) * (size / count)
    at = np.arange(size)
    overlap = np.minimum(edges[1:, None], at + 1) - np.maximum(edges[:-1, None], at)
    shares: Floats = np.maximum(overlap, 0.0) * (count / size)
    return shares


def _from_chroma(means: Floats) -> Floats:
    """Red, green and blue from Y, RY and BY, with the weights of Rec. 709; shape (3, rows, columns)."""
    luminance, red_chroma, blue_chroma = means
    red, blue = (red_chroma + 1) * luminance, (blue_chroma + 1) * luminance
    green = (luminance - _LUMA[0] * red - _LUMA[2] * blue) / _LUMA[1]
    return np.stack([red, green, blue])


def _srgb(values: Floats) -> Floats:
    """Linear values encoded as sRGB (IEC 61966-2-1), clipped to 0 to 1; NaN stays NaN."""
    clipped = np.clip(values, 0.0, 1.0).astype(np.float32)
    encoded: Floats = np.where(clipped <= 0.0031308, 12.92 * clipped, 1.055 * clipped ** (1 / 2.4) - 0.055)
    return encoded


def _stretched(values: Floats) -> tuple[Floats, str]:
    """Values scaled from their range to 0 to 1, and that range as text."""
    finite = values[np.isfinite(values)]
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 0.0)
    span = high - low if high > low else 1.0
    shown = np.clip((np.nan_to_num(values, nan=low, posinf=high, neginf=low) - low) / span, 0.0, 1.0)
    return shown, f"{low:.6g} to {high:.6g}"


def _made(pixels: Bytes8, part: int, layer: str, source: str, *, exposure: float | None, transform: str) -> Thumbnail:
    """The thumbnail with these displayed pixels."""
    from PIL import Image  # noqa: PLC0415 - an optional dependency, needed for thumbnails only

    # Lossy WebP stores colour at half resolution, which would turn a single magenta pixel grey.
    red, green, blue = (pixels[..., number] == value for number, value in enumerate(MAGENTA))
    marked = bool((red & green & blue).any())
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "WEBP", quality=_QUALITY, method=_EFFORT, lossless=marked)
    height, width = pixels.shape[:2]
    image, hashed = buffer.getvalue(), difference_hash(pixels)
    return Thumbnail(part, layer, width, height, image, source, exposure, transform, hashed)
