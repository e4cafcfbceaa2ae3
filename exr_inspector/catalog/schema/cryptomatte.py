"""The columns of `cryptomatte_objects`, in which few files have rows, and of `cryptomatte_manifests`, whose rows files share.

All frames of a shot have the same manifest with all objects of the scene, so its names are stored once under its hash, and a
frame has rows only for the objects in its pixels. Ids are 32-bit patterns, stored as text and as the float of the pixels.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from exr_inspector.catalog.schema.columns import (
    INT,
    LONG,
    OWNER,
    PART_INDEX,
    REAL,
    TEXT,
    clipped,
    finite,
    nullable,
    required,
)
from exr_inspector.exr.cryptomatte.manifests import id_as_float
from exr_inspector.model import MatteObjects, ObjectCoverage


class ObjectRecord(NamedTuple):
    """The record of a row of `cryptomatte_objects`."""

    part_index: int
    position: int
    matte: MatteObjects
    found: ObjectCoverage


class NameRecord(NamedTuple):
    """The record of a row of `cryptomatte_manifests`."""

    manifest_hash: str
    position: int
    name: str
    id: int


def object_records(mattes: tuple[MatteObjects, ...]) -> Iterator[ObjectRecord]:
    """Yield the records of a file's objects."""
    position = 0
    for matte in mattes:
        for found in matte.objects:
            yield ObjectRecord(matte.part, position, matte, found)
            position += 1


def name_records(manifest_hash: str, manifest: Mapping[str, str]) -> Iterator[NameRecord]:
    """Yield the records of a manifest's names."""
    for position, (name, value) in enumerate(manifest.items()):
        yield NameRecord(manifest_hash, position, name, int(value, 16))


# fmt: off
CRYPTOMATTE_OBJECTS_COLUMNS = (
    *OWNER,
    required("object_index", INT, "Position among the file's rows, from 0: by Cryptomatte, the largest coverage first",
             of=lambda r: r.position),
    PART_INDEX,
    required("cryptomatte", TEXT, "Name of the Cryptomatte", of=lambda r: clipped(r.matte.name)),
    nullable("view_name", TEXT, "View; null where the file names none", of=lambda r: clipped(r.matte.view)),
    nullable("manifest_hash", TEXT, "The manifest that names the ids, in `cryptomatte_manifests`; null without one",
             of=lambda r: r.matte.manifest_hash),
    required("id", TEXT, "The id, eight hexadecimal digits", of=lambda r: f"{r.found.id:08x}"),
    nullable("id_float", REAL, "The id as the float in the pixels", of=lambda r: finite(id_as_float(r.found.id))),
    required("coverage", REAL, "Sum of the coverage over all pixels: its area", "pixels", of=lambda r: r.found.coverage),
    required("pixels", LONG, "Pixels with any coverage of the object, counted once for each rank", "pixels",
             of=lambda r: r.found.pixels),
)

CRYPTOMATTE_MANIFESTS_COLUMNS = (
    required("manifest_hash", TEXT, "The manifest: XXH3-128 of its text, 32 hexadecimal digits",
             of=lambda r: r.manifest_hash),
    required("name_index", INT, "Position in the manifest, from 0", of=lambda r: r.position),
    required("name", TEXT, "Name of the object, at most 4,000 characters", of=lambda r: clipped(r.name)),
    required("id", TEXT, "Its id, eight hexadecimal digits", of=lambda r: f"{r.id:08x}"),
    nullable("id_float", REAL, "The id as the float in the pixels; null if it is not finite",
             of=lambda r: finite(id_as_float(r.id))),
)
# fmt: on
