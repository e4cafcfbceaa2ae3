"""Results of reading the pixels of one file, as frozen values. No behaviour, no I/O, no clock."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import NamedTuple

from exr_inspector.exr.header.values import Box2i

_MANY_VALUES = 64
LOCATED_ABOVE = 1000.0  # colour seldom exceeds it, so that positions of maxima take no time in most files


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
        """0 off, 1 sampled, 2 full. An inspection never replaces one of the same version with a greater depth."""
        return ("off", "sampled", "full").index(self.value)


class Thumbnails(str, Enum):
    """Which thumbnails are made: none, one of the main colour layer of each view, or one of each layer of each part."""

    OFF = "off"
    FILE = "file"
    LAYERS = "layers"


@dataclass(frozen=True, slots=True)
class Histogram:
    """Counts of finite values: `counts[i]` values are in [edges[i], edges[i + 1]); the last bin includes its upper edge."""

    edges: tuple[float, ...]
    counts: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class ChannelStats:
    """Statistics of one channel of one part and level. Non-finite values affect only their own counts.

    Attributes:
        part: Index of the part.
        channel: Full channel name.
        level_x: Level number in x.
        level_y: Level number in y.
        samples: Number of values read, finite or not.
        finite_count: Number of finite values.
        nan_count: Number of NaNs.
        positive_inf_count: Number of positive infinities.
        negative_inf_count: Number of negative infinities.
        zero_count: Number of zeros of either sign.
        negative_count: Number of finite values below zero.
        half_max_count: Number of finite values with a magnitude of at least 65504.
        minimum: Smallest finite value; None if there is none (as for the next three).
        maximum: Largest finite value.
        mean: Mean of the finite values; estimated for all of them if only a sample was read.
        stddev: Population standard deviation of the finite values.
        first_nan: Pixel (x, y) of the first NaN in reading order; None if there is none.
        first_inf: Pixel (x, y) of the first infinity in reading order; None if there is none.
        percentiles: (percent, value) pairs; only if every sample was read.
        histogram: Distribution of the values; only if every sample was read.
        coverage: Fraction of the channel's samples that were read, 0 to 1.
        exact: Whether every sample was read.
        mean_error: Standard error of the mean, 0 if exact; None if it cannot be estimated from the sample.
        mean_low: Lower end of the 95 % confidence interval of the mean; None without mean_error.
        mean_high: Upper end of that interval.
        fractional_share: Share of the values that are not whole numbers, among those picked for the percentiles; None unless
            every sample was read.
        eight_bit_share: Share of these values that are 8-bit codes divided by 255.
        distinct_count: Number of different values among these; of FLOAT and UINT a few fewer, and at most 65536.
        uncovered_count: For A of a layer with R, G, B and A: number of pixels with colour where it is zero; None for other
            channels, and unless every sample was read (as for the next one).
        low_alpha_colour: Mean colour where this A is above zero and below 1/8, divided by the mean where it is not zero: about
            the mean alpha there if colour is multiplied by alpha, 1 if not. None if fewer than 16 pixels have such an alpha.
        maximum_at: A pixel (x, y) with the maximum, if that is above LOCATED_ABOVE; None otherwise.
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
    fractional_share: float | None = None
    eight_bit_share: float | None = None
    distinct_count: int | None = None
    uncovered_count: int | None = None
    low_alpha_colour: float | None = None
    maximum_at: tuple[int, int] | None = None

    @property
    def inf_count(self) -> int:
        """Number of infinities of both signs."""
        return self.positive_inf_count + self.negative_inf_count

    @property
    def magnitude(self) -> float:
        """The largest magnitude of a finite value; 0 without any."""
        return max(abs(self.minimum or 0.0), abs(self.maximum or 0.0))

    @property
    def sample_stride(self) -> int:
        """1 if every sample was read, otherwise 1 / `coverage`, rounded; 0 if no sample was read."""
        if self.exact:
            return 1
        return max(1, round(1 / self.coverage)) if self.coverage else 0

    @property
    def has_many_values(self) -> bool:
        """Whether 64 different values are known, or more: flat shading, mattes and labels have fewer."""
        return self.distinct_count is not None and self.distinct_count >= _MANY_VALUES

    @property
    def is_constant(self) -> bool:
        """Whether all samples that were read have the same finite value."""
        return self.samples > 0 and self.finite_count == self.samples and self.minimum == self.maximum


@dataclass(frozen=True, slots=True)
class DeepStats:
    """Samples per pixel of a deep part's level.

    Attributes:
        pixels: Number of pixels read.
        total_samples: Number of samples in these pixels.
        min_samples: Smallest number of samples in a pixel.
        max_samples: Largest number of samples in a pixel.
        empty_pixels: Number of pixels without samples.
        inverted_samples: Number of samples whose ZBack is in front of their Z.
        unsorted_samples: Number of samples that are nearer than the one before in the same pixel.
        overlapping_samples: Number of samples whose depth from Z to ZBack overlaps that of the one before in the same pixel.
        first_inverted: Pixel (x, y) of the first sample whose ZBack is in front of its Z; None if there is none.
    """

    pixels: int
    total_samples: int
    min_samples: int
    max_samples: int
    empty_pixels: int
    inverted_samples: int = 0
    unsorted_samples: int = 0
    overlapping_samples: int = 0
    first_inverted: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class ZeroGrid:
    """Where the colour of a part is exactly zero. A missing render bucket is a zero rectangle that other frames do not have.

    Attributes:
        columns: Number of cells in a row.
        rows: Number of rows of cells.
        cell_px: Width and height of a cell in pixels; the first cell starts at the data window's minimum corner.
        bits: One bit for each cell, row by row, as packed by `numpy.packbits`: set if R, G and B (or Y) are zero in the
            entire cell.
        region: The rectangle of all other cells, in pixels, if it looks like a render region.
    """

    columns: int
    rows: int
    cell_px: int
    bits: bytes
    region: Box2i | None = None


class Seam(NamedTuple):
    """A straight line across an image beyond which a channel is multiplied by a factor while its texture goes on.

    Attributes:
        is_vertical: Whether it goes from top to bottom.
        at: The first column or row behind it, from the data window's corner.
        channel: The channel whose factor is the largest.
        factor: The factor of the values behind it.
    """

    is_vertical: bool
    at: int
    channel: str
    factor: float


@dataclass(frozen=True, slots=True)
class ColourLines:
    """What sampled rows and columns show of a part's colour.

    Attributes:
        seams: Its seams.
        small: The mean of R, G and B (or Y) in the cells of a square grid, row by row, as 32-bit floats of this machine; empty
            for tiny images and with bad values.
        stripe_period: Columns after which the steps from one column to the next repeat over the whole width, 3 or 4; 0 if they
            do not.
        border_level: The mean of the outermost rows and columns in parts of those a few pixels further in, if all four sides
            fade to about half; None otherwise.
        repeats: How many times each pixel is there in both directions, as in an image that was enlarged without a filter; 1 if
            it is not.
        black: Narrow spans of columns (True) or rows (False) that are zero beside lit ones: the first one and the end, from the
            data window's corner.
        row_steps: The mean step from one row to the next in parts of that to the second one: the median of the columns, above 1
            where rows come from two images in turns; 0 if it is not, or columns alternate as much.
        edges: The step between neighbours, in roots of the light, that one in fifty exceeds; 0 with bad values.
        noise: The median deviation of pixels from the mean of the two beside them, in roots of the light, without those that
            have none: noise and fine texture.
        bends: Whether pixels are darker than the mean of the two beside them, as bits, as many in each cell of `small`; empty
            for small images and if many are neither.
    """

    seams: tuple[Seam, ...] = ()
    small: bytes = b""
    stripe_period: int = 0
    border_level: float | None = None
    repeats: int = 1
    black: tuple[tuple[bool, int, int], ...] = ()
    row_steps: float = 0.0
    edges: float = 0.0
    noise: float = 0.0
    bends: bytes = b""


class LayerImage(NamedTuple):
    """What sampled rows show of a layer beside the main image.

    Attributes:
        channels: The names of its channels of light, or else of data.
        small: As in `ColourLines`; of data the mean logarithms of one and the magnitude.
        noise: As in `ColourLines`; 0 of data.
    """

    channels: tuple[str, ...]
    small: bytes
    noise: float


class SinglePixels(NamedTuple):
    """Pixels that are far brighter than those beside them and than nearly all others.

    Attributes:
        channels: The names of the colour channels.
        pixels: How many there are.
        maximum: The largest value.
        first: The x and y of the first one.
    """

    channels: tuple[str, ...]
    pixels: int
    maximum: float
    first: tuple[int, int]


@dataclass(frozen=True, slots=True)
class PartPixels:
    """Results for one level of a part.

    Attributes:
        part: Index of the part.
        level_x: Level number in x.
        level_y: Level number in y.
        chunks_total: Number of chunks of the level.
        chunks_read: Number of chunks that were read and decoded.
        is_constant: Whether every channel is constant; None if unknown: nothing was read, or a sample without differences.
        is_black: Whether all colour channels (R, G, B, Y of any layer) are zero; None if there are none, or if only a sample
            was read and it is zero.
        deep: Samples per pixel; None for a flat part.
        pixel_hash: Hash of the decoded samples of all chunks, equal for equal pixels in any file; None unless requested.
        zeros: Where the part's colour is zero; None unless requested, and for parts without colour.
        lines: Seams and a small image, of the first part and of the first one with colour of each other view; None as `zeros`.
        singles: Single bright pixels of the first part; None as `zeros`, and if there are none or many.
        views: `zeros` and `lines` of each view of a single-part file whose channels begin with its name.
        layers: Small images of other layers of light, depth and vectors; none unless requested.
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
    lines: ColourLines | None = None
    singles: SinglePixels | None = None
    views: Mapping[str, tuple[ZeroGrid | None, ColourLines | None]] = field(default_factory=dict)
    layers: tuple[LayerImage, ...] = ()

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
        message: Message of the error.
    """

    part: int
    chunk: int
    y_min: int
    y_max: int
    code: str
    message: str


class ObjectCoverage(NamedTuple):
    """One object of a Cryptomatte in the pixels.

    Attributes:
        id: 32-bit id.
        coverage: Sum of its coverage over all pixels and ranks, in pixels.
        pixels: Number of pixels in which it has coverage, counted once for each rank.
    """

    id: int
    coverage: float
    pixels: int


@dataclass(frozen=True, slots=True)
class MatteObjects:
    """The objects of one Cryptomatte in one view, identified by their ids in the pixels; every pixel was read.

    Attributes:
        part: Index of the part that declares the Cryptomatte.
        key: Key of the Cryptomatte.
        name: Name of the Cryptomatte.
        view: View; None if the file declares no views.
        is_complete: Whether all chunks of its ranks were read and all ids were counted.
        id_count: Number of distinct ids with coverage, without the background id 0; a lower bound unless is_complete.
        impossible_count: Number of pixels with an id that no name can have: NaN, infinities, denormal numbers.
        manifest_hash: Hash of the text of the inline or sidecar manifest; None without a valid manifest that has names.
        name_count: Number of names in the manifest; None without one.
        unnamed_count: Number of ids without a name in the manifest.
        unnamed_once_count: Number of these ids that occur in one pixel only.
        first_unnamed: Some of these ids, those with the largest coverage.
        unseen_count: Number of names whose id is in no pixel; None without a manifest, and unless is_complete.
        first_unseen: Some of these names, shortened, in the manifest's order.
        objects: The objects with the largest coverage, in descending order, up to the requested number.
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
        layer: Layer, or the channel if only one is shown; empty for the base layer.
        width: Width in pixels.
        height: Height in pixels.
        image: WebP. Black outside the data window; magenta for NaN and for pixels that could not be decoded.
        source: What it was made from: `level 0,0` for all pixels, a smaller level, or `preview` for the attribute.
        exposure: Stops by which colour was brightened before the transform; None if the values are not colour.
        transform: `sRGB` for colour with the sRGB transfer function, `<low> to <high>` for values mapped from black to white,
            `none` for a preview, which is shown as stored.
        hash: 64-bit difference hash, signed; similar pictures differ in few bits; 0 for a picture without structure.
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
    """The complete result of reading the pixels of a file.

    Attributes:
        mode: How much was requested.
        channels: Statistics, in part and channel order.
        parts: Results for each part and level.
        faults: Chunks that could not be read or decoded.
        stopped: Why reading ended early, such as `time`; empty if it did not.
        file_hash: Hash of the file's bytes, prefixed with the algorithm (`xxh3_128:...`); None unless requested.
        mattes: Objects of the Cryptomattes; empty unless mode is FULL.
        thumbnails: Thumbnails; empty unless requested.
        overlapping: By part, the indices of chunks that decode, but end behind the start of the next one in the file; known of
            a pass over all pixels.
    """

    mode: StatsMode
    channels: tuple[ChannelStats, ...] = ()
    parts: tuple[PartPixels, ...] = ()
    faults: tuple[PixelFault, ...] = ()
    stopped: str = ""
    file_hash: str | None = None
    mattes: tuple[MatteObjects, ...] = ()
    thumbnails: tuple[Thumbnail, ...] = ()
    overlapping: Mapping[int, tuple[int, ...]] = field(default_factory=dict)
