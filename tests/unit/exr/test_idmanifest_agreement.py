"""Id manifests that the OpenEXR library wrote are read with the same values."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import OpenEXR
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from exr_inspector.exr.header.idmanifest import decode_manifest
from exr_inspector.exr.header.parser import parse_header
from exr_inspector.exr.header.values import IdManifest

LIFETIMES = (OpenEXR.LIFETIME_FRAME, OpenEXR.LIFETIME_SHOT, OpenEXR.LIFETIME_STABLE)
texts = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=12)
long_texts = st.builds(lambda start, end: "shared/beginning/" * start + end, st.integers(0, 40), texts)


@st.composite
def groups(draw: st.DrawFn) -> dict[str, Any]:
    components = draw(st.lists(texts, min_size=1, max_size=3, unique=True))
    entry = st.lists(st.one_of(texts, long_texts), min_size=len(components), max_size=len(components))
    return {
        "channels": draw(st.sets(texts.filter(bool), min_size=1, max_size=3)),
        "components": components,
        "lifetime": draw(st.integers(0, 2)),
        "hash": draw(st.sampled_from([OpenEXR.ID_MANIFEST_MURMURHASH3_32, OpenEXR.ID_MANIFEST_NOTHASHED, "other"])),
        "encoding": draw(st.sampled_from([OpenEXR.ID_MANIFEST_ID_SCHEME, OpenEXR.ID_MANIFEST_ID2_SCHEME])),
        "entries": draw(
            st.dictionaries(st.integers(0, draw(st.sampled_from([255, 2**32 - 1, 2**63]))), entry, max_size=8)
        ),
    }


def written(made: list[dict[str, Any]], path: Path) -> bytes:
    manifest = OpenEXR.IDManifest()
    for one in made:
        group = OpenEXR.ChannelGroupManifest()
        group.setChannels(one["channels"])
        group.setComponents(one["components"])
        group.setLifetime(LIFETIMES[one["lifetime"]])
        group.setHashScheme(one["hash"])
        group.setEncodingScheme(one["encoding"])
        for identifier, entry in one["entries"].items():
            group.insert(identifier, entry)
        manifest.add(group)
    header = {"type": OpenEXR.scanlineimage, "idManifest": manifest}
    OpenEXR.File(header, {"id": np.zeros((2, 2), np.uint32)}).write(str(path))
    return path.read_bytes()


@pytest.mark.slow
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(made=st.lists(groups(), max_size=3, unique_by=lambda group: frozenset(group["channels"])))
def test_a_manifest_is_read_as_the_library_wrote_it(tmp_path: Path, made: list[dict[str, Any]]) -> None:
    header = parse_header(written(made, tmp_path / "a.exr"))
    value = header.parts[0].value("idManifest", "idmanifest")
    assert isinstance(value, IdManifest)
    read = {frozenset(group.channels): group for group in decode_manifest(value)}
    assert len(read) == len(made)
    for one in made:
        group = read[frozenset(one["channels"])]
        assert list(group.components) == one["components"]
        assert (group.lifetime, group.hash_scheme, group.encoding_scheme) == (
            one["lifetime"],
            one["hash"],
            one["encoding"],
        )
        assert {identifier: list(words) for identifier, words in group.entries} == one["entries"]
