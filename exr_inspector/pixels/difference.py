"""Makes a picture of the differences between two files: box averages of the absolute difference, in bounded memory."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from exr_inspector.exr.chunks.layout import Layout
from exr_inspector.exr.header.parser import Header
from exr_inspector.pixels.boxes import BoxSums, row_piece
from exr_inspector.pixels.thumbnails import MAGENTA, canvas_of, main_layers

LONGEST_PX = 1024
Plane = npt.NDArray[Any]


@dataclass(frozen=True, slots=True)
class DifferenceImage:
    """A picture of the differences.

    Attributes:
        pixels: Shape (rows, columns, 3). Black for equal samples and outside the data window; magenta for samples that could
            not be compared, or of which one is NaN or infinite and the other is not the same.
        factor: Factor of the averaged absolute differences, which maps the largest to 1 (white).
        channels: The channels shown as red, green and blue, or the single channel shown as grey.
    """

    pixels: npt.NDArray[np.uint8]
    factor: float
    channels: tuple[str, ...]

    def encoded(self, form: str) -> bytes:
        """The picture as `PNG` or lossless `WEBP`. Requires Pillow."""
        from PIL import Image  # noqa: PLC0415 - an optional dependency, needed for pictures only

        buffer = io.BytesIO()
        Image.fromarray(self.pixels).save(buffer, form, lossless=True)
        return buffer.getvalue()


class DifferencePicture:
    """Collects the differences in the layer that the first file's thumbnail shows (see `main_layers`)."""

    def __init__(self) -> None:
        self.part: int | None = None
        self._compared: set[str] = set()

    def begin(self, header: Header, layouts: Sequence[Layout]) -> None:
        """Choose the layer of the first file; none if the file has no flat part."""
        for shown in main_layers(layouts):
            layout = layouts[shown.part]
            self.part = shown.part
            self._canvas = canvas_of(header.parts[shown.part], layout, layout.levels[0], LONGEST_PX)
            numbers = shown.channels[:1] if shown.is_chroma else shown.channels  # luminance only
            self._sums = BoxSums(self._canvas)
            self._numbers = {layout.channels[number].name: number for number in numbers}

    def add(self, channel: str, one: Plane, other: Plane, first: tuple[int, int]) -> None:
        """Add the same rows of a channel of both files, shape (rows, columns). Channels that are not shown are ignored.

        `first` is the row and column of the first sample in the first file's data window.
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
        """The picture; None if one of its channels was not compared."""
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
