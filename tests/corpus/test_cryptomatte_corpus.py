"""Objects of Cryptomattes in real files and in our own: ids computed from names, coverage counted pixel by pixel."""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import OpenEXR
import pytest

from exr_inspector.cli.output.objects import MAX_OBJECTS
from exr_inspector.library.reading import inspect
from exr_inspector.model import MatteObjects
from tests.corpus.own import SAMPLES
from tests.unit.pixels.test_objects import reference_id

# name -> (coverage, pixels): what the sample files of the specification's authors show
WILDCARDS = {
    "has_n_asterisk": (105_228.75, 107_706),
    "Rect_]_left": (60_322.08, 62_076),
    "Rect_[]_right": (51_411.45, 53_395),
    "rect_[_top": (37_942.06, 38_909),
    "has_*_asterisk": (37_868.62, 38_872),
    "rect_][_bot": (30_633.28, 31_391),
    "sphere_?_2": (12_589.88, 13_139),
}
OWN = {"Käse": (780.0, 816), "hero_eyes": (768.0, 816), "floor": (768.0, 816), "hero_body": (756.0, 768)}


def by_hand(path: Path, name: str) -> dict[int, tuple[float, int]]:
    """The coverage and pixels of each id, by the OpenEXR module's pixels."""
    channels = OpenEXR.File(str(path), separate_channels=True).channels()
    found: dict[int, list[float]] = defaultdict(lambda: [0.0, 0])
    for channel, entry in channels.items():
        layer, _, component = channel.rpartition(".")
        if layer[:-2] == name and layer[-2:].isdigit() and component.lower() in PAIRS:
            ids: np.ndarray[Any, Any] = entry.pixels.view(np.uint32)
            coverage = channels[f"{layer}.{_like(component)}"].pixels.astype(np.float64)
            for value in np.unique(ids[coverage > 0]).tolist():
                mask = (ids == value) & (coverage > 0)
                found[value][0] += float(coverage[mask].sum())
                found[value][1] += int(mask.sum())
    return {value: (total, int(count)) for value, (total, count) in found.items() if value}


PAIRS = {"r": "g", "b": "a", "red": "green", "blue": "alpha"}


def _like(component: str) -> str:
    partner = PAIRS[component.lower()]
    return partner.upper() if component.isupper() else partner


Figures = dict[int, tuple[float, int]]


def assert_same(found: Figures, expected: Figures) -> None:
    assert {value: count for value, (_, count) in found.items()} == {value: n for value, (_, n) in expected.items()}
    coverages = {value: total for value, (total, _) in expected.items()}
    assert {value: total for value, (total, _) in found.items()} == pytest.approx(coverages, abs=0.01)


def figures(matte: MatteObjects) -> Figures:
    return {one.id: (one.coverage, one.pixels) for one in matte.objects}


def objects_of(path: Path) -> MatteObjects:
    found = inspect(path, stats="full", objects=True)
    (matte,) = found.pixels.mattes
    return matte


def check(path: Path, expected: dict[str, tuple[float, int]]) -> None:
    matte = objects_of(path)
    assert_same(figures(matte), by_hand(path, matte.name))
    assert_same(figures(matte), {reference_id(name): known for name, known in expected.items()})
    assert (matte.id_count, matte.unnamed_count, matte.is_complete) == (len(expected), 0, True)


def test_our_own() -> None:
    check(SAMPLES / "cryptomatte.exr", OWN)


def test_our_own_with_names_that_no_pixel_shows() -> None:
    matte = objects_of(SAMPLES / "cryptomatte_manifest_126k.exr")
    assert (matte.id_count, matte.unseen_count) == (4, (matte.name_count or 0) - 4)
    assert len(matte.objects) < MAX_OBJECTS


def test_names_with_wildcards(corpus: Path) -> None:
    check(corpus / "cryptomatte" / "cornellBox_CryptoWildcard.0001.exr", WILDCARDS)


def test_a_sidecar_manifest_leaves_ids_without_names(corpus: Path) -> None:
    path = corpus / "cryptomatte" / "sidecar_manifest.exr"
    matte = objects_of(path)
    assert_same(figures(matte), by_hand(path, "crypto_asset"))
    assert reference_id("default") in {one.id for one in matte.objects}
    assert (matte.id_count, matte.name_count, matte.unseen_count) == (5, None, None)


def test_every_name_of_the_samples_has_its_hash(corpus: Path) -> None:
    found = inspect(corpus / "cryptomatte" / "cornellBox_CryptoWildcard.0001.exr", stats="off")
    (declared,) = found.names[0].cryptomattes
    assert declared.manifest is not None
    assert {name: f"{reference_id(name):08x}" for name in WILDCARDS} == json.loads(declared.manifest)
