"""Work grows in proportion with what a file chooses: each input is doubled, and the time it takes at most 2.5 times as long."""

import gc
import struct
import time
import zlib
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from exr_inspector.inspector import Inspector, InspectorConfig
from exr_inspector.model import Inspection, PixelReport, StatsMode
from exr_inspector.pixels.reader import PixelConfig
from exr_inspector.settings import load_settings
from exr_inspector.storage import SourceOpener
from exr_inspector.storage.sequences import sequence_name
from exr_inspector.validation import builtin_policy
from exr_inspector.validation.facts.facts import FileFacts
from tests.support.exrbytes import FLOAT, Channel, Part, a_chlist, a_int, a_string, a_stringvector, attr, build

MOST = 2.5
POLICY = builtin_policy("default")
OPENER = SourceOpener(load_settings({}, secrets_dir=None, need=()))
HEADER_ONLY = Inspector()
WITH_PIXELS = Inspector(InspectorConfig(stats=StatsMode.FULL))


def parts(count: int, **changes: object) -> bytes:
    return build([Part(name=f"p{n}", channels=[Channel("R")], **changes) for n in range(count)])  # type: ignore[arg-type]


def declared(channels: list[str], names: list[str]) -> bytes:
    extra = [a_string(f"cryptomatte/{n}/name", name) for n, name in enumerate(names)]
    return build([Part(channels=[Channel(name) for name in sorted(channels)], extra=extra)])


def id_manifest(entries: int, components: int) -> bytes:
    """A manifest of one string, which every component of every entry has."""
    payload = struct.pack("<ii", 0, 1) + b"\1a" + struct.pack("<iii", 1, 0, 0)
    payload += (
        struct.pack("<ii", 1, 1) + b"\2id" + struct.pack("<i", components) + b"\1" * components + b"x" * components
    )
    payload += b"\1" + struct.pack("<i", 2) + b"mh" + struct.pack("<i", 2) + b"id\2" + struct.pack("<i", entries)
    payload += (b"\1" + bytes(components)) * entries
    value = struct.pack("<Q", len(payload)) + zlib.compress(payload, 9)
    return build([Part(channels=[Channel("id")], extra=[attr("idManifest", "idmanifest", value)])])


INPUTS: dict[str, tuple[Callable[[int], bytes], int]] = {
    "channels": (lambda n: build([Part(channels=[Channel(f"c{i:06}") for i in range(n)])]), 2_000),
    "layers": (lambda n: build([Part(channels=[Channel(f"l{i:06}.{c}") for i in range(n) for c in "BGR"])]), 1_000),
    "one channel again and again": (lambda n: build([Part(replace=[a_chlist([Channel("R")] * n)])]), 5_000),
    "attributes": (lambda n: build([Part(extra=[a_int(f"a{i}", 1) for i in range(n)])]), 5_000),
    "one attribute again and again": (lambda n: build([Part(extra=[a_int("a", 1)] * n)]), 5_000),
    "malformed attributes": (lambda n: build([Part(extra=[attr(f"a{i}", "int", b"x") for i in range(n)])]), 5_000),
    "views": (
        lambda n: build(
            [
                Part(
                    channels=[Channel(f"v{i:06}.R") for i in range(n)],
                    extra=[a_stringvector("multiView", [f"v{i:06}" for i in range(n)])],
                )
            ]
        ),
        2_000,
    ),
    "parts": (parts, 150),
    "parts of one view": (
        lambda n: build(
            [Part(name=f"p{i}", channels=[Channel(f"c{i}")], extra=[a_string("view", "v")]) for i in range(n)]
        ),
        150,
    ),
    "parts of one name": (lambda n: build([Part(name="p", channels=[Channel("R")]) for _ in range(n)]), 150),
    "layers like a Cryptomatte's": (lambda n: declared([f"a{i:06}.c00.r" for i in range(n)], ["c"] * 64), 2_000),
    "Cryptomattes": (
        lambda n: declared([f"c{i:05}00.{c}" for i in range(n) for c in "abgr"], [f"c{i:05}" for i in range(n)]),
        250,
    ),
    "ranks of many declarations": (lambda n: declared([f"c{i:06}.r" for i in range(n)], ["c"] * n), 1_000),
    "the name of a Cryptomatte": (lambda n: declared([f"c{i:06}.r" for i in range(n)], ["c" * 20 * n]), 1_000),
    "text that is not UTF-8": (lambda n: build([Part(extra=[attr("s", "string", b"\xe9a" * n)])]), 2_000_000),
    "an id manifest's entries": (lambda n: id_manifest(n, 20), 2_000),
    "an id manifest's components": (lambda n: id_manifest(100, n), 1_000),
}


def seconds(inspector: Inspector, data: bytes) -> float:
    gc.collect()
    gc.disable()  # when it runs depends on everything that was allocated before
    try:
        started = time.process_time()
        inspector.inspect(OPENER.open_bytes(data, key="a.exr"), POLICY)
        return time.process_time() - started
    finally:
        gc.enable()


def growth(inspector: Inspector, make: Callable[[int], bytes], size: int) -> float:
    """How many times as long twice the input takes: the best of several measurements, since others use this machine, too."""
    small, large = make(size), make(2 * size)
    seconds(inspector, small)  # what is done once a process
    ratio = float("inf")
    for _ in range(4):
        times = [(seconds(inspector, small), seconds(inspector, large)) for _ in range(2)]
        ratio = min(ratio, min(time for _, time in times) / min(time for time, _ in times))
        if ratio <= MOST:
            break
    return ratio


@pytest.mark.slow
@pytest.mark.parametrize("name", INPUTS)
def test_time_grows_in_proportion(name: str) -> None:
    assert growth(HEADER_ONLY, *INPUTS[name]) <= MOST


@pytest.mark.parametrize("make", [lambda n: "1" * n, lambda n: "a.1" * n, lambda n: "1_" * n + "x"])
def test_the_time_for_a_long_key_grows_in_proportion(make: Callable[[int], str]) -> None:
    def needed(size: int) -> float:
        key = f"{make(size)}.1.exr"
        started = time.process_time()
        for _ in range(20):
            sequence_name("b", key)
        return time.process_time() - started

    assert min(min(needed(8_000) for _ in range(3)) / min(needed(4_000) for _ in range(3)) for _ in range(3)) <= MOST


@pytest.mark.slow
def test_time_grows_in_proportion_to_parts_with_statistics() -> None:
    assert growth(WITH_PIXELS, parts, 150) <= MOST


def cryptomatte(ids: int) -> bytes:
    """A Cryptomatte of one rank in which no two pixels hold the same id."""
    values = np.random.default_rng(0).permutation(np.arange(ids, dtype=np.uint32) + (1 << 29))
    pixels = {"c00.r": values.view(np.float32), "c00.g": np.ones(ids)}
    shaped = {name: array.reshape(-1, 1_000) for name, array in pixels.items()}
    window = (0, 0, 999, ids // 1_000 - 1)
    channels = [Channel(name, FLOAT) for name in pixels]
    extra = [a_string("cryptomatte/0/name", "c")]
    return build([Part(data_window=window, channels=channels, pixels=shaped, extra=extra)])


@pytest.mark.slow
def test_time_grows_in_proportion_to_ids_of_cryptomattes() -> None:
    few_ids = Inspector(InspectorConfig(stats=StatsMode.FULL, pixels=PixelConfig(max_ids=20_000)))
    assert growth(few_ids, cryptomatte, 100_000) <= MOST


@pytest.mark.slow
def test_figures_are_found_by_part_in_proportion() -> None:
    base = WITH_PIXELS.inspect(OPENER.open_bytes(parts(1), key="a.exr"), POLICY)
    assert base.pixels is not None

    def made(count: int) -> Inspection:
        inspection = HEADER_ONLY.inspect(OPENER.open_bytes(parts(count), key="a.exr"), POLICY)
        pixels = PixelReport(
            StatsMode.FULL,
            tuple(replace(base.pixels.channels[0], part=part) for part in range(count)),
            tuple(replace(base.pixels.parts[0], part=part) for part in range(count)),
        )
        return replace(inspection, pixels=pixels)

    def needed(inspection: Inspection) -> float:
        assert inspection.header is not None
        found = FileFacts(inspection, inspection.header)
        started = time.process_time()
        assert all(part.stats and part.pixels for part in found.parts)
        return time.process_time() - started

    small, large = made(2_000), made(4_000)
    assert min(needed(large) for _ in range(5)) <= MOST * min(needed(small) for _ in range(5))
