"""Hypothesis strategies for random valid EXR files, each with the values that a reader must find.

Small images (sides of at most 24 pixels) of every part type, compression, level mode, sampling and attribute type, in
one part or several, with chunks in any order, gaps between them and bytes after them. Only valid files are generated;
tests add the defects that they need.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from hypothesis import strategies as st

from tests.support import exrbytes as ex
from tests.support.exrbytes import Attr, Built, Channel, Kind, ManifestGroup, Part, Tiles

DEEP_COMPRESSIONS = (ex.NONE, ex.RLE, ex.ZIPS, ex.ZSTD)
CHANNEL_NAMES = ("R", "G", "B", "A", "Z", "ZBack", "Y", "id", "N.X", "N.Y", "left.R", "diffuse.rot.R", "größe", "u v")
KEY_CODE_RANGES = ((0, 99), (0, 99), (0, 999_999), (0, 9_999), (0, 119), (1, 15), (20, 120))


@dataclass(frozen=True, slots=True)
class Valued:
    """An attribute and its value: int, float, str, bytes, or a flat tuple of these (strings for stringvector).

    Floats of 32 bits have the value that Python reads back. `preview` has (width, height, bytes), `bytes` (hint, data),
    `idmanifest` the uncompressed payload, and an unknown type its bytes.
    """

    attr: Attr
    value: object


@dataclass(frozen=True, slots=True)
class Example:
    """A valid file.

    Attributes:
        parts: The arguments of the writer, with windows, channels, pixels and `cells` (the chunks in table order).
        attributes: The attributes beyond the required ones, by part.
        built: The bytes of the file and the positions of its records.
    """

    parts: tuple[Part, ...]
    attributes: tuple[tuple[Valued, ...], ...]
    built: Built

    @property
    def data(self) -> bytes:
        """The bytes of the file."""
        return self.built.data

    @property
    def chunk_counts(self) -> list[int]:
        """The number of chunks of each part."""
        return [len(part.cells) for part in self.parts]


int32 = st.integers(-(2**31), 2**31 - 1)
uint32 = st.integers(0, 2**32 - 1)
float32 = st.floats(width=32, allow_nan=False)
float64 = st.floats(allow_nan=False)
texts = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=20)
_name_characters = st.characters(codec="utf-8", categories=("L", "N"), include_characters="/.:_- ")


def names(max_bytes: int = 31) -> st.SearchStrategy[str]:
    """Strategy of attribute names other than the standard ones."""
    return (
        st.text(_name_characters, max_size=max_bytes)
        .map(lambda text: "x_" + text)
        .filter(lambda text: len(text.encode()) <= max_bytes)
    )


def _several(element: st.SearchStrategy[Any], count: int) -> st.SearchStrategy[tuple[Any, ...]]:
    return st.tuples(*[element] * count)


_Maker = Callable[[str, Any], Attr]


def _vector(type_name: str, element: st.SearchStrategy[Any], count: int) -> tuple[st.SearchStrategy[Any], _Maker]:
    return _several(element, count), lambda name, value: ex.a_vector(name, type_name, value)


def _preview(name: str, value: tuple[int, int, bytes]) -> Attr:
    return ex.a_preview(name, *value)


_previews = st.tuples(st.integers(1, 4), st.integers(1, 4)).flatmap(
    lambda size: st.tuples(
        *map(st.just, size), st.binary(min_size=4 * size[0] * size[1], max_size=4 * size[0] * size[1])
    )
)
_tile_descriptions = st.tuples(st.integers(1, 512), st.integers(1, 512), st.integers(0, 2), st.integers(0, 1))
_boxes = _several(st.integers(-1000, 1000), 4)
_key_codes = st.tuples(*(st.integers(*ends) for ends in KEY_CODE_RANGES))
_groups = st.builds(
    ManifestGroup,
    channels=st.lists(texts, min_size=1, max_size=2, unique=True),
    components=st.just(["name", "material"]),
    entries=st.dictionaries(uint32, st.tuples(texts, texts), max_size=5),
    storage=st.integers(0, 2),
)
_manifests = st.lists(_groups, max_size=2)

# For each attribute type, the strategy of its values and the function that writes one.
KINDS: dict[str, tuple[st.SearchStrategy[Any], _Maker]] = {
    "int": (int32, ex.a_int),
    "float": (float32, ex.a_float),
    "double": (float64, ex.a_double),
    "string": (texts, ex.a_string),
    "stringvector": (st.lists(texts, min_size=1, max_size=4).map(tuple), ex.a_stringvector),
    "floatvector": (st.lists(float32, min_size=1, max_size=5).map(tuple), ex.a_floatvector),
    "box2i": (_boxes, ex.a_box2i),
    "box2f": (_several(float32, 4), ex.a_box2f),
    "v2i": _vector("v2i", int32, 2),
    "v2f": _vector("v2f", float32, 2),
    "v2d": _vector("v2d", float64, 2),
    "v3i": _vector("v3i", int32, 3),
    "v3f": _vector("v3f", float32, 3),
    "v3d": _vector("v3d", float64, 3),
    "m33f": _vector("m33f", float32, 9),
    "m33d": _vector("m33d", float64, 9),
    "m44f": _vector("m44f", float32, 16),
    "m44d": _vector("m44d", float64, 16),
    "chromaticities": (_several(float32, 8), ex.a_chromaticities),
    "compression": (st.integers(0, 13), lambda name, value: ex.a_compression(value, name)),
    "lineOrder": (st.integers(0, 2), lambda name, value: ex.a_lineorder(value, name)),
    "envmap": (st.integers(0, 1), lambda name, value: ex.a_envmap(value, name)),
    "deepImageState": (st.integers(0, 3), lambda name, value: ex.a_deepimagestate(value, name)),
    "tiledesc": (_tile_descriptions, lambda name, value: ex.a_tiledesc(Tiles(*value), name)),
    "keycode": (_key_codes, ex.a_keycode),
    "timecode": (_several(uint32, 2), lambda name, value: ex.a_timecode(name, *value)),
    "rational": (st.tuples(int32, st.integers(1, 2**32 - 1)), lambda name, value: ex.a_rational(name, *value)),
    "preview": (_previews, _preview),
    "bytes": (st.tuples(texts, st.binary(max_size=40)), lambda name, value: ex.a_bytes(name, value[1], value[0])),
    "idmanifest": (_manifests.map(ex.manifest_payload), lambda name, value: ex.a_idmanifest([], name, payload=value)),
    "studioInfo": (st.binary(max_size=60), lambda name, value: ex.attr(name, "studioInfo", value)),
}


@st.composite
def attributes(draw: st.DrawFn, max_name_bytes: int = 31, types: Iterable[str] = KINDS) -> Valued:
    """One attribute of one of the given types, with a non-standard name."""
    element, make = KINDS[draw(st.sampled_from(sorted(types)))]
    value = draw(element)
    return Valued(make(draw(names(max_name_bytes)), value), value)


def attribute_lists(max_size: int = 6, types: Iterable[str] = KINDS) -> st.SearchStrategy[tuple[Valued, ...]]:
    """Attributes with different names, some longer than 31 bytes."""
    one = st.one_of(attributes(types=types), attributes(60, types))
    return st.lists(one, max_size=max_size, unique_by=lambda valued: valued.attr.name).map(tuple)


@st.composite
def channel_lists(draw: st.DrawFn, x_sampling: int = 1, y_sampling: int = 1) -> tuple[Channel, ...]:
    """One to five channels in any order; the first is never subsampled, the others may be."""
    chosen = draw(st.lists(st.sampled_from(CHANNEL_NAMES), min_size=1, max_size=5, unique=True))
    out = []
    for i, name in enumerate(chosen):
        sampling = (x_sampling, y_sampling) if i and draw(st.booleans()) else (1, 1)
        out.append(Channel(name, draw(st.integers(0, 2)), *sampling, p_linear=draw(st.integers(0, 1))))
    return tuple(out)


def _pixels(part: Part, seed: int, noisy: bool) -> dict[str, np.ndarray[Any, Any]]:
    """Pixels with any finite values if `noisy`, otherwise with few different ones, so that chunks can be compressed."""
    random = np.random.default_rng(seed)
    top = 60_000 if noisy else 3
    return {name: random.integers(0, top, array.shape).astype(array.dtype) for name, array in part.arrays.items()}


@st.composite
def parts(draw: st.DrawFn, /, extra: Sequence[Attr] = (), **fixed: Any) -> Part:
    """One valid part; `fixed` has arguments of `Part` that are not random."""
    kind: Kind = draw(st.sampled_from(("scanlineimage", "tiledimage", "deepscanline", "deeptile")))
    deep, tiled = kind.startswith("deep"), kind in {"tiledimage", "deeptile"}
    sampling = (
        draw(st.sampled_from(((1, 1), (1, 1), (2, 2), (2, 1), (1, 2), (3, 2)))) if kind == "scanlineimage" else (1, 1)
    )
    left, top = (draw(st.integers(-30, 30)) * step for step in sampling)
    wide, high = (draw(st.integers(1, 24 // step)) * step for step in sampling)
    counts = None
    seed, noisy = draw(st.integers(0, 2**16)), draw(st.booleans())
    if deep:
        counts = np.random.default_rng(seed).integers(0, 4, (high, wide)).astype("<i4")
    settings: dict[str, Any] = {
        "kind": kind,
        "data_window": (left, top, left + wide - 1, top + high - 1),
        "channels": draw(channel_lists(*sampling)),
        "compression": draw(st.sampled_from(DEEP_COMPRESSIONS) if deep else st.integers(0, 13)),
        "line_order": draw(st.integers(0, 2 if tiled else 1)),
        "tiles": Tiles(
            draw(st.integers(3, 26)), draw(st.integers(3, 26)), draw(st.integers(0, 2)), draw(st.integers(0, 1))
        ),
        "counts": counts,
        "compress": draw(st.booleans()),
        "extra": extra,
        **fixed,
    }
    return Part(**settings, pixels=_pixels(Part(**settings), seed, noisy))


@st.composite
def files(draw: st.DrawFn, max_parts: int = 3, types: Iterable[str] = KINDS) -> Example:
    """A valid file of one to `max_parts` parts, with additional attributes of the given types."""
    count = draw(st.integers(1, max_parts))
    corner = draw(st.tuples(st.integers(-50, 50), st.integers(-50, 50)))
    display = (*corner, corner[0] + draw(st.integers(0, 99)), corner[1] + draw(st.integers(0, 99)))
    made, described = [], []
    for number in range(count):
        valued = draw(attribute_lists(types=types))
        name = f"part{number}" if count > 1 or draw(st.booleans()) else None
        extra = [one.attr for one in valued]
        made.append(draw(parts(extra=extra, display_window=display, name=name)))
        described.append(valued)
    places = [(number, index) for number, part in enumerate(made) for index in range(len(part.cells))]
    order = None
    if draw(st.booleans()):
        order = places.copy()
        np.random.default_rng(draw(st.integers(0, 2**16))).shuffle(order)
    gaps = {draw(st.sampled_from(places)): draw(st.binary(max_size=9))} if draw(st.booleans()) else None
    built = ex.lay_out(made, order=order, gaps=gaps, trailing=draw(st.binary(max_size=9)))
    return Example(tuple(made), tuple(described), built)
