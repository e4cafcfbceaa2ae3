"""Files whose parts are layers, as Nuke and V-Ray write them: the part's name is the layer of channels without one."""

from __future__ import annotations

from typing import Any

import pytest

from exr_inspector.exr.names import file_names
from exr_inspector.model import Finding, Severity
from tests.support.exrbytes import DWAA, FLOAT, HALF, ZIP, Channel, Part, a_string, build
from tests.unit.validation.cases.made.metadata import declared, ranks
from tests.unit.validation.judging import inspect, judge, policy, violations

RGBA = tuple(Channel(name) for name in "ABGR")


def part(name: str, *channels: str, kind: int = HALF, view: str | None = None, **changed: Any) -> Part:
    extra = [*changed.pop("extra", ()), *([a_string("view", view)] if view else [])]
    return Part(name=name, channels=[Channel(c, kind) for c in channels or "BGR"], extra=extra, **changed)


def codes(parts: list[Part], **parameters: Any) -> set[str]:
    return {finding.code for finding in judge(build(parts), policy(**parameters))}


def of(parts: list[Part], code: str, **parameters: Any) -> list[Finding]:
    return violations(code, build(parts), policy(**parameters))


@pytest.mark.parametrize(
    ("name", "view", "layer"),
    [
        ("diffuse", None, "diffuse"),
        ("diffuse.main", "main", "diffuse"),
        ("diffuse_left", "left", "diffuse"),
        ("left.diffuse", "left", "diffuse"),
        ("diffuse.left", None, "diffuse.left"),
        ("left", "left", ""),
        ("View.Combined", None, "View.Combined"),
    ],
)
def test_the_layer_of_a_parts_name(name: str, view: str | None, layer: str) -> None:
    header = inspect(build([part("rgba", view=view), part(name, "R", view=view)])).header
    assert header is not None
    names = file_names(header)[1]
    assert names.part_layer == layer
    assert names.channels[0].layer == "", "the layer stays as the specification has it"


def test_single_parts_have_no_such_layer() -> None:
    header = inspect(build([Part(extra=[a_string("name", "diffuse")])])).header
    assert header is not None
    assert file_names(header)[0].part_layer == ""


def test_roles_and_lossy_data_follow_the_part() -> None:
    lossy = [part("rgba"), part("N", compression=DWAA), part("depth", "R", kind=FLOAT, compression=DWAA)]
    (finding,) = of(lossy, "CMP-DWA-NAMES")
    assert "parts 1-2" in finding.message, "once a file"
    assert "CHN-RGB-INCOMPLETE" not in codes(lossy)
    assert not of([part("rgba", compression=DWAA), part("diffuse", compression=DWAA)], "CMP-DWA-NAMES")


def matte_parts(compression: int, layers: tuple[str, ...] = ("crypto_object00", "crypto_object01")) -> list[Part]:
    first = Part(name="rgba", channels=RGBA, extra=declared())
    return [first, *(part(name, *"ABGR", kind=FLOAT, compression=compression) for name in layers)]


def test_a_cryptomatte_over_several_parts() -> None:
    assert {code for code in codes(matte_parts(ZIP)) if code.startswith("CRY-")} == {"CRY-PART"}
    (finding,) = of(matte_parts(DWAA), "CRY-LOSSLESS")
    assert (finding.part, finding.severity) == (1, Severity.ERROR)
    (gap,) = of(matte_parts(ZIP, ("crypto_object00", "crypto_object02")), "CRY-LAYERS")
    assert "crypto_object02" in gap.message
    inspection = inspect(build(matte_parts(ZIP)))
    assert inspection.names[0].cryptomattes[0].rank_layers == ("crypto_object00", "crypto_object01")


def test_expected_layers_and_channels() -> None:
    parts = [part("rgba.main", view="main"), part("diffuse.main", "red", "green", "blue", view="main")]
    assert not of(parts, "CHN-EXPECTED", expected_layers=["", "diffuse"])
    assert not of(parts, "CHN-EXPECTED", expected_layers=["rgba", "diffuse"])
    assert not of(parts, "CHN-EXPECTED", expected_channels=["R", "diffuse.red"])
    missing = of(parts, "CHN-EXPECTED", expected_layers=["", "diffuse", "specular"])
    assert [finding.expected for finding in missing if finding.severity is Severity.ERROR] == ["specular"]


def test_a_view_that_lacks_a_layer() -> None:
    both = [part(f"{layer}.{view}", view=view) for layer in ("rgba", "diffuse") for view in ("left", "right")]
    assert "VIEW-PAIR" not in codes(both)
    (finding,) = of(both[:-1], "VIEW-PAIR")
    assert finding.message.endswith(" diffuse.R HALF, which right lacks")


@pytest.mark.parametrize(
    "name", ["VRayCryptomatte00", "crypto_material01", "View.CryptoObject00", "ActorHitProxyMask00"]
)
def test_ids_without_a_declaration_are_no_colour(name: str) -> None:
    data = build([Part(channels=[*RGBA, *ranks(name, components="RGBA")])])
    findings = judge(data, stats=True)
    assert "CRY-UNDECLARED" in {finding.code for finding in findings}
    assert not [f for f in findings if f.channel and f.channel.startswith(name) and f.code.startswith(("PIX-", "COL-"))]
    assert "CRY-UNDECLARED" not in {finding.code for finding in judge(build([Part(channels=RGBA)]))}
