"""What was learned from the pixels of one file, as frozen values. No behaviour, no I/O, no clock."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import NamedTuple


class StatsMode(str, Enum):
    """How much of the pixels is read; ordered by `depth`."""

    OFF = "off"
    SAMPLED = "sampled"
    FULL = "full"

    @classmethod
    def _missing_(cls, value: object) -> StatsMode:
        raise ValueError(f"stats: expected off, sampled or full, found {value!r}")

    @property
    def depth(self) -> int:
        """0 off, 1 sampled, 2 full: a shallower inspection never replaces a deeper one of the same version."""
        return ("off", "sampled", "full").index(self.value)


class Thumbnails(str, Enum):
    """Which thumbnails are made: none, one of the file's beauty, or one of each layer of each part."""

    OFF = "off"
    FILE = "file"
    LAYERS = "layers"


@dataclass(frozen=True, slots=True)
class Histogram:
    """Counts of finite values between edges: `counts[i]` values lie in [edges[i], edges[i + 1]), the last edge inside."""

    edges: tuple[float, ...]
    counts: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class ChannelStats:
    """Figures of one channel of one part and level. Non-finite values count only in their own counts.

    Attributes:
        part: Index of the part.
        channel: Full channel name.
        level_x: Level in x.
        level_y: Level in y.
        samples: Values looked at, finite or not.
        finite_count: Finite ones among them.
        nan_count: NaNs.
        positive_inf_count: Positive infinities.
        negative_inf_count: Negative infinities.
        zero_count: Zeros of either sign.
        negative_count: Finite values below zero.
        half_max_count: Finite values of magnitude 65504 and more.
        minimum: Least finite value, None without one (so for the next three).
        maximum: Greatest finite value.
        mean: Mean of the finite values; of a sample an estimate of all of them.
        stddev: Population standard deviation of the finite values.
        first_nan: Pixel (x, y) of the first NaN in reading order, None without one.
        first_inf: Pixel (x, y) of the first infinity in reading order.
        percentiles: (percent, value) pairs, only after reading every sample.
        histogram: Distribution, only after reading every sample.
        coverage: Share of the channel's samples that were read, 0 to 1.
        exact: Whether all of them were.
        mean_error: Standard error of the mean, 0 when exact; None where the sample supports none.
        mean_low: Lower end of the 95 % interval of the mean; None without an error.
        mean_high: Upper end.
    """

    part: int
    channel: str
    level_x: int
    level_y: int
    samples: int
    finite_count: int
    nan_count: int
    positive_inf_count: int
    negative_inf_count: int
    zero_count: int
    negative_count: int
    half_max_count: int
    minimum: float | None
    maximum: float | None
    mean: float | None
    stddev: float | None
    first_nan: tuple[int, int] | None
    first_inf: tuple[int, int] | None
    percentiles: tuple[tuple[float, float], ...]
    histogram: Histogram | None
    coverage: float
    exact: bool
    mean_error: float | None = None
    mean_low: float | None = None
    mean_high: float | None = None

    @property
    def inf_count(self) -> int:
        """Infinities of both signs."""
        return self.positive_inf_count + self.negative_inf_count

    @property
    def sample_stride(self) -> int:
        """1 when every sample was read, otherwise the reciprocal of the covered share, rounded; 0 when none was."""
        if self.exact:
            return 1
        return max(1, round(1 / self.coverage)) if self.coverage else 0

    @property
    def is_constant(self) -> bool:
        """Whether all samples that were read hold one finite value."""
        return self.samples > 0 and self.finite_count == self.samples and self.minimum == self.maximum


@dataclass(frozen=True, slots=True)
class DeepStats:
    """Samples per pixel of a deep part's level.

    Attributes:
        pixels: Pixels looked at.
        total_samples: Samples of them.
        min_samples: Fewest in one pixel.
        max_samples: Most in one pixel.
        empty_pixels: Pixels without a sample.
    """

    pixels: int
    total_samples: int
    min_samples: int
    max_samples: int
    empty_pixels: int


@dataclass(frozen=True, slots=True)
class ZeroGrid:
    """Where the colour of a part is exactly zero: a missing bucket shows as a rectangle that other frames do not have.

    Attributes:
        columns: Cells in a row.
        rows: Rows of cells.
        cell_px: Width and height of a cell, pixels; the first one begins at the data window's corner.
        bits: One bit a cell, row by row, packed as by `numpy.packbits`: set where R, G and B (or Y) are zero in all of it.
    """

    columns: int
    rows: int
    cell_px: int
    bits: bytes


@dataclass(frozen=True, slots=True)
class PartPixels:
    """What was read of one part's level.

    Attributes:
        part: Index of the part.
        level_x: Level in x.
        level_y: Level in y.
        chunks_total: Chunks of the level.
        chunks_read: Chunks that were read and decoded.
        is_constant: Whether every channel is constant; None where what was read does not tell: nothing, or a sample without a
            difference.
        is_black: Whether all colour channels (R, G, B, Y of any layer) are zero; None without any, or where a sample was zero.
        deep: Samples per pixel, None for a flat part.
        pixel_hash: Hash of the decoded samples of all chunks, equal for equal pixels in any container; None unless asked for.
        zeros: Where the part's colour is zero; None unless asked for, and where the part has none.
    """

    part: int
    level_x: int
    level_y: int
    chunks_total: int
    chunks_read: int
    is_constant: bool | None
    is_black: bool | None
    deep: DeepStats | None
    pixel_hash: str | None
    zeros: ZeroGrid | None = None

    @property
    def is_complete(self) -> bool:
        """Whether every chunk was read and decoded."""
        return self.chunks_read == self.chunks_total


@dataclass(frozen=True, slots=True)
class PixelFault:
    """A chunk that failed to decode.

    Attributes:
        part: Index of the part.
        chunk: Index in the part's chunk offset table.
        y_min: First pixel row it covers.
        y_max: Last pixel row it covers.
        code: Code of the error, such as EXR_DECODE.
        message: What happened.
    """

    part: int
    chunk: int
    y_min: int
    y_max: int
    code: str
    message: str


class ObjectCoverage(NamedTuple):
    """One object of a Cryptomatte, as the pixels have it.

    Attributes:
        id: Its 32-bit id.
        coverage: Sum of its coverage over all pixels and ranks, in pixels.
        pixels: Pixels in which it has any, counted once for each rank.
    """

    id: int
    coverage: float
    pixels: int


@dataclass(frozen=True, slots=True)
class MatteObjects:
    """The objects of one Cryptomatte in one view, by their ids in the pixels, after reading every pixel.

    Attributes:
        part: Part that declares it.
        key: Its key.
        name: Its name.
        view: View, None where the file names none.
        is_complete: Whether all chunks of its ranks were read, and all ids kept.
        id_count: Distinct ids that have coverage; 0, the background, is none. At least so many where it is not whole.
        impossible_count: Pixels whose id the conversion from the hash never makes: NaN, infinities, denormal numbers.
        manifest_hash: Hash of the manifest's text, in the header or a sidecar file; None without a sound one that has names.
        name_count: Names in that manifest; None as before.
        unnamed_count: Ids that it does not name.
        unnamed_once_count: Those of them that are in one pixel only.
        first_unnamed: Some of them, those that cover the most.
        unseen_count: Names whose id no pixel has; None without a manifest, and where it is not whole.
        first_unseen: Some of them, shortened, in the manifest's order.
        objects: The objects that cover the most, the largest first; as many as were asked for.
    """

    part: int
    key: str
    name: str
    view: str | None
    is_complete: bool
    id_count: int
    impossible_count: int
    manifest_hash: str | None
    name_count: int | None
    unnamed_count: int
    unnamed_once_count: int
    first_unnamed: tuple[ObjectCoverage, ...]
    unseen_count: int | None
    first_unseen: tuple[str, ...]
    objects: tuple[ObjectCoverage, ...] = ()


@dataclass(frozen=True, slots=True)
class Thumbnail:
    """A small picture of a part's layer in its display window, with square pixels.

    Attributes:
        part: Index of the part.
        layer: Layer, or the channel where it is but one; empty for the base layer.
        width: Columns, pixels.
        height: Rows, pixels.
        image: WebP. Black outside of the data window; magenta where a NaN is, and where pixels could not be decoded.
        source: What it was made of: `level 0,0` for all pixels, a smaller level, or `preview` for the attribute.
        exposure: Stops by which colour was made brighter before the transform; None where values are no colour.
        transform: `sRGB` for colour through the curve of sRGB, `<low> to <high>` for values shown from black to white, `none`
            for a preview, which is as the file has it.
        hash: 64-bit difference hash, signed: pictures that look alike differ in few bits; 0 for one without structure.
    """

    part: int
    layer: str
    width: int
    height: int
    image: bytes = field(repr=False)
    source: str
    exposure: float | None
    transform: str
    hash: int


@dataclass(frozen=True, slots=True)
class PixelReport:
    """All that was learned from pixels.

    Attributes:
        mode: How much was to be read.
        channels: Figures, in part and channel order.
        parts: What was read of each part and level.
        faults: Chunks that could not be read or decoded.
        stopped: Why reading ended early (time or size), empty when it did not.
        file_hash: Hash of the file's bytes with the algorithm's name before it (`xxh3_128:...`), None unless asked for.
        mattes: Objects of the Cryptomattes; empty unless everything was to be read.
        thumbnails: Small pictures; none unless asked for.
    """

    mode: StatsMode
    channels: tuple[ChannelStats, ...] = ()
    parts: tuple[PartPixels, ...] = ()
    faults: tuple[PixelFault, ...] = ()
    stopped: str = ""
    file_hash: str | None = None
    mattes: tuple[MatteObjects, ...] = ()
    thumbnails: tuple[Thumbnail, ...] = ()
