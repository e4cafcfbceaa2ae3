"""The columns of `thumbnails`; files have rows if EXR_THUMBNAILS asks for them."""

from __future__ import annotations

from typing import NamedTuple

from exr_inspector.catalog.schema.columns import (
    BYTES,
    INT,
    LONG,
    OWNER,
    PART_INDEX,
    REAL,
    TEXT,
    finite,
    nullable,
    required,
)
from exr_inspector.model import Thumbnail


class ThumbnailRecord(NamedTuple):
    """The record of a row of `thumbnails`."""

    part_index: int
    position: int
    thumbnail: Thumbnail


# fmt: off
THUMBNAILS_COLUMNS = (
    *OWNER,
    required("thumbnail_index", INT, "Position among the file's thumbnails, from 0", of=lambda r: r.position),
    PART_INDEX,
    required("layer", TEXT, "Layer, or the channel if it is a single one; empty for the base layer",
             of=lambda r: r.thumbnail.layer),
    required("width", INT, "Columns, at most 160; the display window with square pixels", "pixels",
             of=lambda r: r.thumbnail.width),
    required("height", INT, "Rows, at most 160", "pixels", of=lambda r: r.thumbnail.height),
    required("image", BYTES, "WebP; black outside of the data window, magenta for NaNs and chunks that failed to decode",
             of=lambda r: r.thumbnail.image),
    required("source", TEXT, "`level 0,0` for the averages of all pixels, a smaller level, or `preview` for the attribute",
             of=lambda r: r.thumbnail.source),
    nullable("exposure", REAL, "Exposure that was added to colour before the transform; null for other values", "stops",
             of=lambda r: finite(r.thumbnail.exposure)),
    required("transform", TEXT, "`sRGB` for colour, `<low> to <high>` for values from black to white, `none` for a preview",
             of=lambda r: r.thumbnail.transform),
    required("difference_hash", LONG, "64 bits, few of which differ between similar pictures; 0 for a uniform picture",
             of=lambda r: r.thumbnail.hash),
)
# fmt: on
