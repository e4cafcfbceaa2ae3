import contextlib
import struct
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exr_inspector.errors import DecodeError, FormatError, LimitExceeded
from exr_inspector.exr.header.idmanifest import decode_manifest
from exr_inspector.exr.header.parser import parse_header
from exr_inspector.exr.header.values import IdManifest, Preview
from exr_inspector.exr.limits import Limits
from exr_inspector.pixels.thumbnails import preview_pixels
from tests.support.exrbytes import ManifestGroup, Part, a_idmanifest, build, manifest_payload
from tests.support.growth import MOST, steps_of

GROUPS = [
    ManifestGroup(
        ["id"], ["model", "material"], {7: ["cat", "fur"], 3: ["catalogue", "paper"], 2**31: ["cat", "paper"]}
    ),
    ManifestGroup(["a.id0", "a.id1"], ["name"], {2**40: ["x" * 300 + "1"], 5: ["x" * 300 + "2"]}, 0, "none", "id2", 0),
    ManifestGroup(["m"], ["n"], {1: [""], 200: ["\u00e9"]}, 1, "unknown", "id", 2),
    ManifestGroup(["none"], [], {1: [], 2: []}),
]


def packed(payload: bytes, declared: int | None = None) -> IdManifest:
    return IdManifest(len(payload) if declared is None else declared, zlib.compress(payload))


@pytest.mark.parametrize("storage", [0, 1, 2])
def test_groups_of_every_storage(storage: int) -> None:
    group = ManifestGroup(["id"], ["name"], {4_000_000_000: ["b"], 1: ["a"]}, storage=storage)
    (read,) = decode_manifest(packed(manifest_payload([group])))
    assert read.entries == ((1, ("a",)), (4_000_000_000, ("b",)))


def test_everything_of_a_manifest() -> None:
    header = parse_header(build([Part(extra=[a_idmanifest(GROUPS)])]))
    value = header.parts[0].value("idManifest", "idmanifest")
    assert isinstance(value, IdManifest)
    read = decode_manifest(value)
    for group, made in zip(read, GROUPS, strict=True):
        assert (group.channels, group.components) == (tuple(made.channels), tuple(made.components))
        assert (group.lifetime, group.hash_scheme, group.encoding_scheme) == (
            made.lifetime,
            made.hash_scheme,
            made.encoding_scheme,
        )
        assert dict(group.entries) == {key: tuple(texts) for key, texts in made.entries.items()}


def test_order_and_what_it_does_not_reach() -> None:
    strings = b"\3\0\0\0" + b"\1\2\2" + b"a" + b"\0b" + b"\0c"
    order = struct.pack("<i4i", 2, 2, 2, 1, 2)  # c, then b; the third index is not reached
    group = b"\1\0\0\0\1x" + b"\1\0\0\0\1y" + b"\0" + b"\0\0\0\0" * 2 + b"\2" + b"\3\0\0\0" + b"\1\0\1\1\1\2"
    payload = struct.pack("<I", 0) + strings + order + b"\1\0\0\0" + group
    (read,) = decode_manifest(packed(payload))
    assert read.entries == ((1, ("c",)), (2, ("b",)), (3, ("a",)))


GOOD = manifest_payload(GROUPS[:1])


def test_every_cut_is_our_error() -> None:
    for size in range(len(GOOD)):
        with pytest.raises(DecodeError):
            decode_manifest(packed(GOOD[:size]))


@pytest.mark.parametrize(
    "manifest",
    [
        IdManifest(10, b"no zlib stream"),
        IdManifest(10, b""),
        packed(GOOD, len(GOOD) - 1),
        packed(GOOD, len(GOOD) + 1),
        IdManifest(len(GOOD), zlib.compress(GOOD)[:-4]),
        packed(b"\1" + GOOD[1:]),
        packed(struct.pack("<Ii", 0, -1)),
        packed(struct.pack("<Ii", 0, 1000)),
        packed(struct.pack("<Ii", 0, 1) + b"\xff" * 12),
        packed(struct.pack("<Ii", 0, 2) + b"\1\1a\5"),
        packed(struct.pack("<Ii", 0, 1) + b"\1a" + struct.pack("<iii", 1, 0, 1)),
    ],
)
def test_damage_is_our_error(manifest: IdManifest) -> None:
    with pytest.raises(DecodeError):
        decode_manifest(manifest)


def test_the_same_id_twice_is_damage() -> None:
    payload = bytearray(manifest_payload([ManifestGroup(["a"], ["b"], {1: ["x"], 2: ["x"]}, storage=2)]))
    payload[-2] = 0  # the difference between the ids
    with pytest.raises(DecodeError, match="twice"):
        decode_manifest(packed(bytes(payload)))


@pytest.mark.parametrize(
    ("limits", "limit"),
    [
        (Limits(inflated_bytes=len(GOOD) - 1), "inflated_bytes"),
        (Limits(manifest_entries=4), "manifest_entries"),
    ],
)
def test_each_limit_of_id_manifests_is_enforced(limits: Limits, limit: str) -> None:
    with pytest.raises(LimitExceeded) as caught:
        decode_manifest(packed(GOOD), limits)
    assert caught.value.limit == limit


def test_texts_of_all_components_count() -> None:
    group = ManifestGroup(["id"], [f"c{n}" for n in range(30)], {n: ["x"] * 30 for n in range(1, 11)})
    payload = packed(manifest_payload([group]))
    assert len(decode_manifest(payload, Limits(manifest_entries=400))[0].entries) == 10
    with pytest.raises(LimitExceeded):
        decode_manifest(payload, Limits(manifest_entries=300))


def test_a_manifest_that_inflates_beyond_the_limit_is_refused_before_it_does() -> None:
    with pytest.raises(LimitExceeded):
        decode_manifest(IdManifest(1 << 62, b"x"))
    bomb = IdManifest(100, zlib.compress(bytes(50_000_000)))
    with pytest.raises(DecodeError):
        decode_manifest(bomb)


def test_strings_that_share_beginnings_cannot_fill_memory() -> None:
    count = 100_000  # each takes three bytes in the file and 60,000 in memory
    strings = [b"x" * 60_000] + [struct.pack(">H", 60_000)] * count
    lengths = b"\xe0\xd4\x03" + b"\2" * count
    payload = struct.pack("<Ii", 0, len(strings)) + lengths + b"".join(strings)
    with pytest.raises(LimitExceeded):
        decode_manifest(packed(payload))


def test_repeated_ranges_cost_no_work() -> None:
    def steps(count: int) -> int:
        strings = struct.pack("<i", count) + b"\1" * count + b"\0" * count
        order = struct.pack("<i", count) + struct.pack("<ii", 0, count - 2) * count
        manifest = packed(struct.pack("<I", 0) + strings + order + b"\0\0\0\0")
        assert decode_manifest(manifest) == ()
        return steps_of(lambda: decode_manifest(manifest))

    assert steps(400) <= MOST * steps(200)


@given(st.binary(max_size=200))
def test_any_payload_is_read_or_refused(payload: bytes) -> None:
    with contextlib.suppress(FormatError):
        decode_manifest(packed(bytes(4) + payload))


def test_preview_pixels() -> None:
    pixels = preview_pixels(Preview(2, 1, bytes(range(8))))
    assert pixels.shape == (1, 2, 4)
    assert pixels[0, 1].tolist() == [4, 5, 6, 7]
    assert preview_pixels(Preview(0, 5, b"")).shape == (5, 0, 4)
