"""The software that wrote a file, by the attributes that real software writes."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exr_inspector.catalog.rows.plain import table_rows
from exr_inspector.catalog.rows.read_back import inspection_from_rows
from exr_inspector.model import Provenance
from exr_inspector.validation.facts.provenance import provenance_of, split_product
from exr_inspector.validation.inspected_frames import frame_of_inspection
from exr_inspector.validation.restored import with_problems_restored
from tests.support.exrbytes import Attr, Part, a_float, a_int, a_string, build
from tests.unit.validation.judging import EVERYTHING, inspect, policy


def said(*attributes: Attr) -> Provenance:
    header = inspect(build([Part(extra=attributes)])).header
    assert header is not None
    return provenance_of(header)


@pytest.mark.parametrize(
    ("attributes", "product", "source"),
    [
        ({"nuke/version": "15.1v3", "arnold/version": "7.2.4.1 [ab] linux"}, "Nuke 15.1v3", "nuke/version"),
        ({"writer": "lavc"}, "lavc (FFmpeg)", "writer"),
        ({"generatedBy": "Mitsuba version 3.9.1"}, "Mitsuba 3.9.1", "generatedBy"),
        ({"comment": "Developed using darktable 4.2.1"}, "darktable 4.2.1", "comment"),
        ({"comment": "Take 3 was better"}, None, None),
        ({"vrayInfo/vrayversion": "V-Ray 6.20.02"}, "V-Ray 6.20.02", "vrayInfo/vrayversion"),
        ({"Software": "OpenImageIO 3.2.2.0 : 4237AB"}, "OpenImageIO 3.2.2.0", "Software"),
        ({"Software": "OpenImageIO 2.4.8.0 : oiiotool", "nuke/version": "14.0"}, "OpenImageIO 2.4.8.0", "Software"),
        ({"software": "Blender 5.0.1"}, "Blender 5.0.1", "software"),
        ({"karma/version": "20.5.278"}, "Karma 20.5.278", "karma/version"),
        ({"husk:version": "20.0.506"}, "husk 20.0.506", "husk:version"),
        ({"renderman/version": "RenderMan 26.1"}, "RenderMan 26.1", "renderman/version"),
        ({"redshift_version": "3.6.04"}, "Redshift 3.6.04", "redshift_version"),
        ({"myshow/version": "7"}, None, None),
        ({"rs/version": "3.5.14"}, "Redshift 3.5.14", "rs/version"),
        (
            {"vrayInfo/vrayversion": "Version of V-Ray for Maya Next", "vrayInfo/vraycore": "4.30.00"},
            "V-Ray 4.30.00",
            "vrayInfo/vraycore",
        ),
        (
            {"vrayInfo/vrayversion": "Version of V-Ray for Houdini 5, update 2.3"},
            "V-Ray 5 update 2.3",
            "vrayInfo/vrayversion",
        ),
        ({"comments": "created with mental ray 3.13.1.10"}, "mental ray 3.13.1.10", "comments"),
        ({"comments": "created with love for the 3rd take"}, None, None),
        ({"comments": "graded by Anna, take 3"}, None, None),
        ({"unreal/jobName": "shots"}, "Unreal Engine", "unreal/jobName"),
        ({"exr/arnold/version": "7.2.4.1", "exr/Software": "mtoa"}, "Arnold 7.2.4.1", "exr/arnold/version"),
        ({"Software": "A", "software": "B"}, "B", "software"),
        ({"Software": ""}, None, None),
    ],
)
def test_software_is_recognised_by_its_attributes(
    attributes: dict[str, str], product: str | None, source: str | None
) -> None:
    provenance = said(*(a_string(name, value) for name, value in attributes.items()))
    assert provenance.product == product
    assert provenance.sources.get("software") == source


def test_the_renderer_is_named_beside_the_software_that_wrote_the_file_last() -> None:
    kept = said(a_string("Software", "OpenImageIO 3.2.2.0 : 01AB"), a_string("arnold/version", "7.2.4.1 [ab] linux"))
    assert (kept.product, kept.renderer) == ("OpenImageIO 3.2.2.0", "Arnold 7.2.4.1")
    assert kept.sources["renderer"] == "arnold/version"
    comp = said(
        a_string("nuke/version", "15.1v3"), a_string("rs/version", "3.5.14"), a_string("gaffer:version", "1.4.2.0")
    )
    assert (comp.product, comp.renderer, comp.host_application) == ("Nuke 15.1v3", "Redshift 3.5.14", "Gaffer 1.4.2.0")
    assert said(a_string("Software", "OctaneRender 2023.1.1")).renderer == "OctaneRender 2023.1.1"
    assert said(a_string("Software", "Adobe Photoshop 24.1")).renderer is None


def test_attributes_of_products() -> None:
    redshift = said(a_string("rs/hostname", "node12"), a_string("rs/renderTime", "12.5"))
    assert (redshift.renderer, redshift.render_host, redshift.render_seconds) == ("Redshift", "node12", 12.5)
    unreal = said(
        a_string("unreal/frameRenderDuration", "+00:01:02.500"),
        a_string("unreal/stats/memory/peakUsedPhysicalMB", "2048"),
        a_string("unreal/jobAuthor", "anna"),
    )
    assert (unreal.render_seconds, unreal.peak_memory_mb, unreal.render_user) == (62.5, 2048, "anna")
    cycles = said(
        a_string("cycles.ViewLayer.total_time", "01:05.20"),
        a_string("cycles.ViewLayer.render_time", "01:00.00"),
        a_string("cycles.Back.total_time", "00:10.00"),
    )
    assert (cycles.renderer, cycles.render_seconds) == ("Cycles", pytest.approx(75.2))
    layers = (a_string("BlenderMultiChannel", "Blender V2.55.1 and newer"), a_string("cycles.ViewLayer.samples", "128"))
    blender = said(a_string("software", "Blender 5.0.1"), *layers)
    assert (blender.product, blender.renderer, blender.host_application) == ("Blender 5.0.1", "Cycles", "Blender 5.0.1")
    assert said(*layers).product == "Blender"
    vray = said(a_string("vrayInfo/peakMemory", "50399.55 MiB"), a_string("vrayInfo/ram", "65440MB"))
    assert (vray.peak_memory_mb, vray.sources["peak_memory_mb"]) == (50399.55, "vrayInfo/peakMemory")
    assert said(a_string("exr/vrayInfo/computername", "n1"), a_string("exr/HostComputer", "n2")).render_host == "n2"


def test_texts_that_are_not_utf_8_are_escaped() -> None:
    known = said(
        Attr("Software", "string", "Größe 4.2".encode("latin-1")),
        Attr("HostComputer", "string", "бюро".encode("cp1251")),
        Attr("Artist", "string", "Jürgen".encode("latin-1") + b"\0\0"),
        Attr("arnold/host/name", "string", "Maya ü".encode("latin-1")),
    )
    assert known.product == r"Gr\xf6\xdfe 4.2"
    assert (known.render_host, known.render_user) == (r"\xe1\xfe\xf0\xee", r"J\xfcrgen")
    assert known.host_application == r"Maya \xfc"


def test_arnold_in_maya() -> None:
    provenance = said(
        a_string("arnold/version", "7.2.4.1 [abcdef] linux"),
        a_string("arnold/host/name", "Maya"),
        a_string("arnold/host/version", "2024.2"),
        a_float("arnold/stats/time/total", 123.5),
        a_float("arnold/stats/memory/peak", 466.25),
    )
    assert (provenance.software, provenance.software_version) == ("Arnold", "7.2.4.1")
    assert provenance.host_application == "Maya 2024.2"
    assert (provenance.render_seconds, provenance.peak_memory_mb, provenance.render_host) == (123.5, 466.25, None)
    assert provenance.sources["render_seconds"] == "arnold/stats/time/total"


TIMES = (
    "RenderTime vrayInfo/rendertime arnold/stats/time/total arnold/stats/time/render render_time husk:render_time"
    " husk/render_time karma/render_time renderman/rendertime rman/rendertime redshift/rendertime redshift/render_time"
    " octane/rendertime stats/render_time"
)
MEMORIES = (
    "Memory vrayInfo/mem arnold/stats/memory/peak peakMemory peak_memory husk:peak_memory husk/peak_memory"
    " karma/peak_memory redshift/peak_memory rman/peak_memory stats/peak_memory"
)
COMPUTERS = (
    "Hostname HostComputer vrayInfo/computername computerName computer machine husk:hostname husk/hostname host"
    " arnold/host/name"
)
USERS = "user username vrayInfo/user arnold/user husk:user husk/user rman/user artist Author"
HOSTS = "hostApplication host_application host_app rman/host arnold/host_app husk/host"
RANGES = "frameRange frame_range FrameRange husk:frame_range rman/frame_range"


@pytest.mark.parametrize(
    ("column", "names", "value"),
    [
        ("render_seconds", TIMES, 12.5),
        ("peak_memory_mb", MEMORIES, 640),
        ("render_host", COMPUTERS, "render042"),
        ("render_user", USERS, "ada"),
        ("host_application", HOSTS, "Maya 2024"),
        ("frame_range", RANGES, "1001-1100"),
    ],
)
def test_the_names_that_writers_give_their_attributes(column: str, names: str, value: object) -> None:
    for name in names.split():
        for spelt in (name, name.upper()):
            found = said(a_string(spelt, str(value)))
            assert (getattr(found, column), found.sources[column]) == (value, spelt)
            assert found.sources.keys() <= {column, "software", "renderer"}  # the product that the name begins with


@pytest.mark.parametrize(
    ("word", "product"),
    [
        *((name.lower(), name) for name in ("Karma", "Houdini", "Mantra", "RenderMan", "Redshift", "Octane", "Corona")),
        *(
            (name.lower(), name)
            for name in ("Cycles", "Blender", "Guerilla", "Clarisse", "Mitsuba", "LuxCore", "Fusion")
        ),
        *(
            (name.lower(), name)
            for name in ("Flame", "Natron", "Gaffer", "Katana", "3Delight", "MoonRay", "Nuke", "Arnold")
        ),
        *((name, name) for name in ("husk", "appleseed", "darktable")),
        ("prman", "RenderMan"),
        ("rman", "RenderMan"),
        ("resolve", "DaVinci Resolve"),
        ("unreal", "Unreal Engine"),
        ("vray", "V-Ray"),
        ("oiio", "OpenImageIO"),
    ],
)
def test_products_are_known_by_the_word_before_their_version(word: str, product: str) -> None:
    for name in (f"{word}_version", f"exr/{word}/version", f"{word}:build/version"):
        assert said(a_string(name, "4.2.1")).product == f"{product} 4.2.1"


@pytest.mark.parametrize(
    ("first", "last"),
    [
        ("startFrame", "endFrame"),
        ("start_frame", "end_frame"),
        ("first_frame", "last_frame"),
        ("firstFrame", "lastFrame"),
    ],
)
def test_a_frame_range_is_made_of_its_ends(first: str, last: str) -> None:
    assert said(a_int(first, 1001), a_int(last, 1100)).frame_range == "1001-1100"
    assert said(a_int(last, 1100)).frame_range is None


@pytest.mark.parametrize(
    ("text", "megabytes"),
    [("512k", 0.5), ("1,536 MiB", 1536), ("2GB", 2048), ("1.5T", 1.5 * 1024**2), ("640", 640), ("much", None)],
)
def test_memory_is_given_in_mebibytes(text: str, megabytes: float | None) -> None:
    assert said(a_string("peakMemory", text)).peak_memory_mb == megabytes


def test_arnold_names_the_computer_where_no_version_of_a_host_stands_beside_it() -> None:
    assert said(a_string("arnold/host/name", "NYMPC180")).render_host == "NYMPC180"
    application = a_string("arnold/host/name", "Maya"), a_string("arnold/host/version", "2024.2")
    for name in COMPUTERS.split()[:-1]:
        assert said(*application, a_string(name, "render042")).render_host == "render042"


def test_vray_for_maya_and_blender() -> None:
    vray = said(
        a_string("vrayInfo/vrayversion", "Version of V-Ray for Maya 3.60.05"),
        a_string("vrayInfo/rendertime", " 0h  1m 42.3s"),
        a_string("vrayInfo/mem", "1,234.56Mb"),
        a_string("vrayInfo/computername", "render042"),
    )
    assert (vray.product, vray.host_application, vray.render_host) == ("V-Ray 3.60.05", "Maya", "render042")
    assert (vray.render_seconds, vray.peak_memory_mb) == (pytest.approx(102.3), 1234.56)
    assert said(a_string("RenderTime", "2s 350 ms")).render_seconds == 2.35
    blender = said(
        a_string("RenderTime", "01:02:03.50"),
        a_string("Memory", "2G"),
        a_string("Hostname", "vm"),
        a_string("user", "ada"),
    )
    assert (blender.render_seconds, blender.peak_memory_mb, blender.render_host, blender.render_user) == (
        3723.5,
        2048,
        "vm",
        "ada",
    )


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        ((a_string("frameRange", "1001-1100"),), "1001-1100"),
        ((a_string("frameRange", ""), a_int("startFrame", 1001), a_int("endFrame", 1100)), "1001-1100"),
        ((a_int("startFrame", 1001), a_int("end_frame", 1100)), None),
    ],
)
def test_the_frame_range_is_read_from_attributes(attributes: tuple[Attr, ...], expected: str | None) -> None:
    assert said(*attributes).frame_range == expected


MAPPED = """
name: nova
parameters:
  attribute_map:
    software: nova/app
    render_seconds: [nova/wall, RenderTime]
    peak_memory_mb: nova/peak
    render_user: nova/artist
    frame_range: nova/job
paths:
  - match: "*/plates/**"
    parameters: {attribute_map: {software: scanner}}
"""


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        (
            {"nova/app": "Lumen 4.2", "nova/wall": "1m 30s", "nova/peak": "2G", "nova/artist": "bo", "user": "ada"},
            {
                "software": ("Lumen", "nova/app"),
                "software_version": ("4.2", "nova/app"),
                "render_seconds": (90, "nova/wall"),
                "peak_memory_mb": (2048, "nova/peak"),
                "render_user": ("bo", "nova/artist"),
            },
        ),
        (
            {"Software": "Nuke 15.1v3", "nova/wall": "soon", "RenderTime": "5"},
            {
                "software": ("Nuke", "Software"),
                "software_version": ("15.1v3", "Software"),
                "render_seconds": (5, "RenderTime"),
            },
        ),
        ({"nuke/version": "15.1v3", "nova/app": "Lumen"}, {"software": ("Lumen", "nova/app")}),
    ],
)
def test_a_show_names_its_own_attributes(texts: dict[str, str], expected: dict[str, tuple[object, str]]) -> None:
    attributes = [a_string(name, value) for name, value in texts.items()]
    found = inspect(build([Part(extra=attributes)]), by=policy(MAPPED)).provenance
    assert {column: (getattr(found, column), name) for column, name in found.sources.items()} == expected


def test_numbers_of_a_show_count_as_text() -> None:
    data = build([Part(extra=[a_int("nova/job", 7), a_float("nova/peak", 512)])])
    found = inspect(data, by=policy(MAPPED)).provenance
    assert (found.frame_range, found.peak_memory_mb) == ("7", 512)


def test_maps_of_paths_and_of_another_policy_for_stored_files() -> None:
    data = build([Part(extra=[a_string("scanner", "Arriscan 3"), a_string("Software", "Nuke 15.1v3")])])
    plate = inspect(data, key="plates/a.1001.exr", by=policy(MAPPED))
    assert plate.provenance.product == "Arriscan 3"
    assert inspect(data).provenance.product == "Nuke 15.1v3"
    back = inspection_from_rows(table_rows(plate, "id"))
    assert back.provenance == plate.provenance
    assert with_problems_restored(back, EVERYTHING).provenance.product == "Nuke 15.1v3"


def test_a_word_behind_a_version_belongs_to_it() -> None:
    assert split_product("POV-Ray 3.7.0.10.unofficial") == ("POV-Ray", "3.7.0.10.unofficial")
    assert split_product("frame 12.exr") == ("frame 12.exr", None)


@given(st.text(max_size=80))
def test_any_text_is_a_product_or_none(text: str) -> None:
    product, version = split_product(text)
    assert len(product) <= 80
    assert version is None or version in text


def test_frames_are_compared_by_product_and_version() -> None:
    frames: list[Any] = [
        frame_of_inspection(
            inspect(build([Part(extra=[a_string("Software", f"OpenImageIO 3.2.2.0 : {word}")])]), key=key)
        )
        for word, key in (("D554", "s/a.0001.exr"), ("BA84", "s/a.0002.exr"))
    ]
    assert {frame.software for frame in frames} == {"OpenImageIO 3.2.2.0"}


def test_figures_of_karma() -> None:
    stats = {"system_time": {"wallclock": 40.18}, "system_memory": {"peak": 512 << 20}, "username": "avril"}
    known = said(a_string("husk:render_stats", json.dumps(stats)))
    assert (known.render_seconds, known.peak_memory_mb, known.render_user) == (40.18, 512, "avril")
    assert set(known.sources.values()) == {"husk:render_stats"}
    assert said(a_string("husk:render_stats", json.dumps(stats)), a_string("user", "b")).render_user == "b"
    for odd in ("[1]", "{", '{"system_time": 3, "username": 4}', "[" * 100_000):
        assert said(a_string("husk:render_stats", odd)) == Provenance()
