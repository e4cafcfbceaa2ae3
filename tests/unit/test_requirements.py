"""Requirements of the image: pins that resolve on every supported Python, without the packages of a laptop."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

ROOT = Path(__file__).resolve().parents[2]
PYTHONS = ("3.10", "3.11", "3.12", "3.13")


def requirements(name: str = "requirements.txt") -> list[Requirement]:
    lines = (line.split("#")[0].strip() for line in (ROOT / name).read_text(encoding="utf-8").splitlines())
    return [Requirement(line) for line in lines if line and not line.startswith("-r")]


def test_every_requirement_is_pinned_to_one_release() -> None:
    for requirement in requirements():
        (pin,) = requirement.specifier
        assert pin.operator == "==", requirement
        assert "*" not in pin.version, requirement
        assert not Version(pin.version).is_prerelease, requirement
        assert requirement.url is None, requirement


@pytest.mark.parametrize("python", PYTHONS)
def test_every_package_has_exactly_one_pin_on_every_python(python: str) -> None:
    environment = {
        "python_version": python,
        "python_full_version": f"{python}.1",
        "sys_platform": "linux",
        "platform_machine": "x86_64",
        "implementation_name": "cpython",
    }
    holding = [
        requirement.name.lower()
        for requirement in requirements()
        if requirement.marker is None or requirement.marker.evaluate(environment)
    ]
    assert sorted(holding) == sorted({requirement.name.lower() for requirement in requirements()})


def test_opentelemetry_is_left_to_the_platform() -> None:
    text = (ROOT / "requirements.txt").read_text(encoding="utf-8")
    assert not [line for line in text.splitlines() if re.match(r"\s*opentelemetry", line, re.IGNORECASE)]


def test_the_laptops_requirements_only_add_to_the_functions() -> None:
    shipped = {requirement.name.lower() for requirement in requirements()}
    for name in ("requirements-local.txt", "requirements-dev.txt", "requirements-bench.txt"):
        assert shipped.isdisjoint(requirement.name.lower() for requirement in requirements(name)), name


def library_ranges() -> dict[str, list[Requirement]]:
    """The requirements in pyproject.toml: `""` has those of every user, the others are extras."""
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    blocks = {"": re.search(r"^dependencies = \[(.*?)\]", text, re.DOTALL | re.MULTILINE)}
    extras = text.split("[project.optional-dependencies]")[1].split("[project.scripts]")[0]
    blocks |= {name: re.search(rf"^{name} = \[(.*?)\]$", extras, re.DOTALL | re.MULTILINE) for name in EXTRAS}
    return {
        name: [Requirement(line) for line in re.findall(r'"([^"]+)"', block[1])]
        for name, block in blocks.items()
        if block
    }


EXTRAS = ("catalog", "local", "report", "ray")


def test_the_librarys_ranges_contain_the_functions_pins() -> None:
    ranges = library_ranges()
    assert set(ranges) == {"", *EXTRAS}
    asked = {item.name.lower(): item.specifier for items in ranges.values() for item in items}
    pins = [*requirements(), *requirements("requirements-local.txt"), *requirements("requirements-heavy.txt")]
    for pin in pins:
        name = pin.name.lower()
        if name in asked:
            (exact,) = pin.specifier
            assert asked[name].contains(exact.version), f"{name}: {asked[name]} leaves out {exact.version}"
    assert {pin.name.lower() for pin in [*requirements(), *requirements("requirements-local.txt")]} <= set(asked)
