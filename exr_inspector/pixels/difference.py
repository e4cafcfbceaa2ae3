"""A picture of where two files differ: box averages of the absolute difference, in memory bounded by the picture's size."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from exr_inspector.exr.chunks.layout import Layout
from exr_inspector.exr.header.parser import Header
from exr_inspector.model import Thumbnails
from exr_inspector.pixels.boxes import BoxSums, row_piece
from exr_inspector.pixels.thumbnails import MAGENTA, canvas_of, shown_layers

LONGEST_PX = 1024
Plane = npt.NDArray[Any]


@dataclass(frozen=True, slots=True)
class DifferenceImage:
    """What the picture shows.

    Attributes:
        pixels: Shape (rows, columns, 3). Black where nothing differs and outside of the data window; magenta where samples
            could not be compared, or one is NaN or infinite and the other is not the same.
        factor: By what averages of absolute differences were multiplied, so that the largest is 1, which is white.
        channels: The channels that are shown as red, green and blue, or the one that is shown as grey.
    """

    pixels: npt.NDArray[np.uint8]
    factor: float
    channels: tuple[str, ...]

    def encoded(self, form: str) -> bytes:
        """The picture as `PNG` or lossless `WEBP`; needs Pillow."""
        from PIL import Image  # noqa: PLC0415 - an optional dependency, needed for pictures only

        buffer = io.BytesIO()
        Image.fromarray(self.pixels).save(buffer, form, lossless=True)
        return buffer.getvalue()


class DifferencePicture:
    """Collects the differences of the layer that a thumbnail of the first file shows: the beauty, else its first channel."""

    def __init__(self) -> None:
        self.part: int | None = None
        self._compared: set[str] = set()

    def begin(self, header: Header, layouts: Sequence[Layout]) -> None:
        """Choose what to show of the first file; nothing where it has no flat part."""
        for shown in shown_layers(layouts, Thumbnails.FILE):
            layout = layouts[shown.part]
            self.part = shown.part
            self._canvas = canvas_of(header.parts[shown.part], layout, layout.levels[0], LONGEST_PX)
            numbers = shown.channels[:1] if shown.is_chroma else shown.channels  # chroma alone is no colour
            self._sums = BoxSums(self._canvas)
            self._numbers = {layout.channels[number].name: number for number in numbers}

    def add(self, channel: str, one: Plane, other: Plane, first: tuple[int, int]) -> None:
        """Take in the same rows of a channel of both files, shape (rows, columns); ignores channels that are not shown.

        `first` is the row and column of the first sample among those of the first file's data window.
        """
        number = self._numbers.get(channel)
        if number is None:
            return
        left, right = one.astype(np.float64), other.astype(np.float64)
        same = (left == right) | (np.isnan(left) & np.isnan(right))
        with np.errstate(invalid="ignore", over="ignore"):
            error = np.abs(left - right)
        error = np.where(same, 0.0, np.where(np.isfinite(left) & np.isfinite(right), error, np.nan))
        self._compared.add(channel)
        self._sums.put([row_piece(self._canvas, number, error, first)])

    def result(self) -> DifferenceImage | None:
        """The picture; None where a channel that it shows was not compared at all."""
        if self.part is None or self._compared != set(self._numbers):
            return None
        means = np.stack([self._sums.means(number) for number in self._numbers.values()], axis=-1)
        covered = self._canvas.covered
        unknown = ~np.isfinite(means).all(axis=-1) & covered
        shown = np.where((covered & ~unknown)[..., None], means, 0.0)
        largest = float(shown.max())
        factor = 1.0 / largest if largest > 0 and np.isfinite(1.0 / largest) else 1.0
        pixels = np.rint(np.broadcast_to(np.clip(shown * factor, 0, 1), (*shown.shape[:2], 3)) * 255).astype(np.uint8)
        pixels[unknown] = MAGENTA
        return DifferenceImage(pixels, factor, tuple(self._numbers))
