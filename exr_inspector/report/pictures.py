"""Embeds thumbnails in a page, and makes them smaller if they are too large together."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from exr_inspector.model import Thumbnail
from exr_inspector.pixels.thumbnails import MAGENTA
from exr_inspector.report.page import LayerPicture, Picture

PAGE_BYTES = 700_000  # for all pictures of a page with up to PAGE_FRAMES frames, encoded in base64
PAGE_FRAMES = 240
FRAME_BYTES = 1_200  # for each further frame
# Scale and WebP quality, tried in this order.
_SMALLER = ((1.0, 60), (0.8, 65), (0.65, 65), (0.5, 65), (0.35, 60), (0.25, 50))
_SAMPLE = 24  # pictures encoded for each try
_BASE64 = 4 / 3
_MARK_CONTRAST = 100  # minimum difference of red and blue from green


def budget(frames: int) -> int:
    """Maximum bytes of all pictures of a page with this number of frames."""
    return PAGE_BYTES + FRAME_BYTES * max(0, frames - PAGE_FRAMES)


def fitting(thumbnails: Sequence[Thumbnail | None], most_bytes: int) -> list[Picture | None]:
    """The pictures of thumbnails, all made smaller if they would take more than `most_bytes` together."""
    existing = [thumbnail for thumbnail in thumbnails if thumbnail is not None]
    if sum(len(thumbnail.image) for thumbnail in existing) * _BASE64 <= most_bytes:
        return [None if each is None else _picture(each, each.image) for each in thumbnails]
    sample = existing[:: max(1, len(existing) // _SAMPLE)]
    scale, quality = _SMALLER[-1]
    for scale, quality in _SMALLER:
        bytes_each = sum(len(_smaller(thumbnail, scale, quality)) for thumbnail in sample) / len(sample)
        if bytes_each * len(existing) * _BASE64 <= 0.95 * most_bytes:
            break
    return [None if each is None else _picture(each, _smaller(each, scale, quality)) for each in thumbnails]


def layer_pictures(thumbnails: Sequence[Thumbnail], parts: Mapping[int, str]) -> list[LayerPicture]:
    """The pictures of the layers of one frame; empty if it has only one layer. `parts` are names of parts by their index."""
    if len(thumbnails) < 2:
        return []
    several = len({thumbnail.part for thumbnail in thumbnails}) > 1
    return [
        LayerPicture(
            name=": ".join(filter(None, (parts.get(each.part) if several else None, each.layer))) or "base layer",
            note=each.transform,
            picture=_picture(each, each.image),
        )
        for each in thumbnails
    ]


def _picture(thumbnail: Thumbnail, image: bytes) -> Picture:
    url = f"data:image/webp;base64,{base64.b64encode(image).decode()}"
    return Picture(url, thumbnail.width, thumbnail.height)


def _smaller(thumbnail: Thumbnail, scale: float, quality: int) -> bytes:
    from PIL import Image, ImageFilter  # noqa: PLC0415 - only large pages need it

    image = Image.open(io.BytesIO(thumbnail.image)).convert("RGB")
    size = max(1, round(image.width * scale)), max(1, round(image.height * scale))
    # A mark of NaN may be one pixel, which averaging and the codec's subsampled colour would erase.
    marks = Image.fromarray(_is_mark(np.asarray(image, np.int16)))
    small = image.resize(size, Image.Resampling.BOX)
    shown = (
        marks.resize(size, Image.Resampling.BOX)
        .point(lambda value: 255 if value else 0)
        .filter(ImageFilter.MaxFilter(3))
    )
    small.paste(MAGENTA, mask=shown)
    buffer = io.BytesIO()
    small.save(buffer, "WEBP", quality=quality)
    return buffer.getvalue()


def _is_mark(pixels: npt.NDArray[np.int16]) -> npt.NDArray[np.uint8]:
    """255 for pixels that are nearly magenta, 0 for all others."""
    red, green, blue = np.moveaxis(pixels, -1, 0)
    return np.where(np.minimum(red, blue) - green > _MARK_CONTRAST, 255, 0).astype(np.uint8)
