"""The figures that docs/rules.md states of a rule are those at which its findings begin and end."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pytest

from exr_inspector.model import Severity
from exr_inspector.validation import FrameSummary
from tests.support.exrbytes import FLOAT, Attr, Channel, Part, a_string, build
from tests.unit.validation.cases.made.pixels import RAMP, flat, gradient, rgb, scene
from tests.unit.validation.judging import violations
from tests.unit.validation.sequences import frame, noisy, reported, seen

W, I = Severity.WARNING, Severity.INFO  # noqa: E741 - as the catalogue has them
CAMERA = a_string("cameraModel", "ALEXA 35")


def severity(data: bytes, code: str) -> Severity | None:
    return max((finding.severity for finding in violations(code, data, stats=True)), default=None)


@pytest.mark.parametrize(
    ("maximum", "expected"), [(2.0**-14 * 0.99, W), (2.0**-14 * 1.01, I), (2.0**-4 * 0.99, I), (2.0**-4 * 1.01, None)]
)
def test_images_that_are_nearly_black(maximum: float, expected: Severity | None) -> None:
    assert severity(rgb(RAMP / 2 * maximum), "PIX-BLACK") is expected


def curve(low: float, high: float, mean: float, *more: Attr) -> bytes:
    """R, G and B from low to high with about this mean, by a power of a ramp."""
    power = (high - low) / (mean - low) - 1  # the mean of x ** p from 0 to 1 is 1 / (p + 1)
    ramp = np.linspace(0, 1, 4096).reshape(64, 64) ** power
    planes = {name: low + (high - low) * ramp * factor for name, factor in (("R", 1.0), ("G", 0.999), ("B", 0.998))}
    window = (0, 0, 63, 63)
    return build([Part(channels=[Channel(c, FLOAT) for c in "BGR"], data_window=window, pixels=planes, extra=more)])


@pytest.mark.parametrize(
    ("low", "high", "mean", "more", "is_found"),
    [
        (0.051, 0.9, 0.4, (), True),
        (0.049, 0.9, 0.4, (), False),
        (0.198, 0.9, 0.4, (), True),
        (0.202, 0.9, 0.4, (), False),
        (0.398, 0.9, 0.6, (CAMERA,), True),
        (0.402, 0.9, 0.6, (CAMERA,), False),
        (0.1, 1.0, 0.4, (), True),
        (0.1, 1.004, 0.4, (), False),
        (0.1, 0.9, 0.252, (), True),
        (0.1, 0.9, 0.248, (), False),
        (0.1, 0.9, 0.648, (), True),
        (0.1, 0.9, 0.652, (), False),
    ],
)
def test_values_that_look_logarithmic(
    low: float, high: float, mean: float, more: tuple[Attr, ...], *, is_found: bool
) -> None:
    assert (severity(curve(low, high, mean, *more), "PIX-LOGLIKE") is not None) is is_found


@pytest.mark.parametrize(
    ("count", "maximum", "is_found"), [(129, 128, True), (128, 127, False), (3000, 65_535, True), (3000, 65_536, False)]
)
def test_codes_that_count(count: int, maximum: int, *, is_found: bool) -> None:
    data = gradient(count, maximum) if count < 1000 else gradient(count, count - 1.0, offset=maximum - count + 1)
    assert (severity(data, "PIX-CODE-VALUES") is not None) is is_found


@pytest.mark.parametrize(
    ("number", "maximum", "is_found"),
    [
        (41, 1.9, True),  # of 4096 values
        (40, 1.9, False),
        (41, 0.99, False),
        (41, 65_503, True),
        (41, 65_504, False),
    ],
)
def test_one_value_in_a_hundred_is_the_maximum(number: int, maximum: float, *, is_found: bool) -> None:
    pixels = scene(high=maximum)
    for values in pixels.values():
        values.flat[np.argsort(values, axis=None)[-number:]] = maximum
    assert (severity(flat(**pixels), "PIX-CLIPPED") is not None) is is_found


def found(given: Iterable[FrameSummary], code: str) -> dict[tuple[int, ...], Severity]:
    return {tuple(each.frames): each.severity for each in reported(code, [*given])}


@pytest.mark.parametrize(("size", "is_found"), [(1.11, True), (1.09, False)])
def test_noisy_files_between_steady_ones_are_larger_by_a_tenth(size: float, *, is_found: bool) -> None:
    given = (noisy(n, size, 0.3) if n == 5 else noisy(n, 1.0, 0.2) for n in range(1, 11))
    assert found(given, "SEQ-NOISE") == {(5,): I} if is_found else not found(given, "SEQ-NOISE")


@pytest.mark.parametrize(("first", "last", "is_found"), [(3, 7, True), (3, 8, False)])
def test_noise_in_more_than_half_of_the_frames_is_the_image(first: int, last: int, *, is_found: bool) -> None:
    given = [noisy(n, 1.2, 0.3) if first <= n <= last else noisy(n, 1.0, 0.2) for n in range(1, 11)]
    assert (found(given, "SEQ-NOISE") == {(*range(first, last + 1),): I}) is is_found


@pytest.mark.parametrize(("size", "is_found"), [(1.6, True), (1.4, False)])
def test_noisy_files_elsewhere_are_larger_by_half(size: float, *, is_found: bool) -> None:
    given = [noisy(n, size, 0.3) if n > 7 else noisy(n, 1.0, 0.2) for n in range(1, 11)]
    assert (found(given, "SEQ-NOISE") == {(8, 9, 10): I}) is is_found


@pytest.mark.parametrize(
    ("size", "others", "is_found"),
    [(0.945, 1.0, True), (0.955, 1.0, False), (0.94, 1.018, True), (0.9, 1.03, True), (0.9, 1.04, False)],
)
def test_files_of_soft_frames_are_smaller_by_a_twentieth(size: float, others: float, *, is_found: bool) -> None:
    given = [noisy(n, size, 0.19) if n == 5 else noisy(n, others if n % 2 else 1.0, 0.2) for n in range(1, 11)]
    assert (found(given, "SEQ-SOFT") == {(5,): I}) is is_found


def with_areas(count: int, factor: float, frames: int = 10, odd: Iterable[int] = (5,)) -> list[FrameSummary]:
    """Frames of one image, in some of which so many of its 256 areas have other light."""
    image = np.linspace(1, 0.5, 256, dtype=np.float32)
    other = image * np.where(np.arange(256) * 131 % 256 < count, np.float32(factor), np.float32(1))
    smalls = [other if n in {*odd} else image * (1 + n / 5000) for n in range(1, frames + 1)]
    return [frame(n, pixels=seen(shows=each)) for n, each in enumerate(smalls, 1)]


@pytest.mark.parametrize(
    ("given", "is_found"),
    [
        (with_areas(3, 0.7), True),
        (with_areas(2, 0.7), False),
        (with_areas(128, 1.3), True),
        (with_areas(129, 1.3), False),
        (with_areas(20, 0.79), True),
        (with_areas(20, 0.82), False),
        (with_areas(20, 0.7, 8, (4,)), True),
        (with_areas(20, 0.7, 7, (4,)), False),
        (with_areas(20, 0.7, 12, (4, 7, 10)), True),
        (with_areas(20, 0.7, 11, (4, 7, 10)), False),
    ],
)
def test_areas_that_differ_in_few_frames(given: list[FrameSummary], *, is_found: bool) -> None:
    assert any("areas differ" in each.message for each in reported("SEQ-AREA", given)) is is_found


@pytest.mark.parametrize(
    ("gain", "first", "last", "expected"),
    [
        (1.42, 4, 6, W),
        (1.38, 4, 6, I),
        (2.0, 4, 5, None),
        (2.0, 4, 8, W),
        (2.0, 4, 9, None),  # more than half of the sequence
    ],
)
def test_blocks_of_another_tone(gain: float, first: int, last: int, expected: Severity | None) -> None:
    image = np.linspace(1, 0.5, 256, dtype=np.float32)
    smalls = [image * (gain if first <= n <= last else 1) for n in range(1, 12)][: 10 if last < 9 else 11]
    given = [frame(n, pixels=seen(shows=each)) for n, each in enumerate(smalls, 1)]
    assert found(given, "SEQ-TONE") == ({(*range(first, last + 1),): expected} if expected is not None else {})


@pytest.mark.parametrize(
    ("hosts", "step", "is_found"),
    [
        ("abcabcabcabc", 1.021, True),
        ("abcabcabcabc", 1.019, False),
        ("abacabacaba", 1.1, False),
        ("aabaabaaba", 1.1, True),
    ],
)
def test_machines_with_another_look(hosts: str, step: float, *, is_found: bool) -> None:
    odd = "c" if "c" in hosts else "b"
    given = [frame(n, host=host, pixels=seen(0.4 * (step if host == odd else 1))) for n, host in enumerate(hosts, 1)]
    assert bool(found(given, "SEQ-HOST")) is is_found


@pytest.mark.parametrize(("factor", "is_found"), [(5.1, True), (4.9, False), (1 / 5.1, True), (1 / 4.9, False)])
def test_depth_in_other_units(factor: float, *, is_found: bool) -> None:
    usual = (20.0, 50.0, 60.0, 1e10)
    odd = (*(value * factor for value in usual[:3]), 1e10)
    given = [frame(n, pixels=seen(extents={"Z": odd if n in {5, 6} else usual})) for n in range(1, 11)]
    assert (found(given, "SEQ-DEPTH-SCALE") == {(5, 6): W}) is is_found


@pytest.mark.parametrize(("exponent", "is_said"), [(1.0, True), (2.2, False)])
def test_bright_images_that_end_at_1_are_said_to_be_for_displays(exponent: float, *, is_said: bool) -> None:
    ramp = np.linspace(0, 1, 4096).reshape(64, 64) ** exponent
    (finding,) = violations("PIX-CLIPPED-1", flat(R=ramp, G=ramp.T, B=ramp), stats=True)
    assert ("images for displays" in finding.message) is is_said
