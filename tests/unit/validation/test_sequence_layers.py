"""SEQ-LAYER: layers that differ in some frames while the main image does not."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from exr_inspector.model import Finding, Severity
from exr_inspector.validation import FrameSummary
from tests.support.exrbytes import FLOAT, Channel, Part, build
from tests.unit.validation.sequences import Image, frame_of, reported

SIZE = 64
WINDOW = (0, 0, SIZE - 1, SIZE - 1)
Layers = dict[str, Image]
Edit = Callable[[int, Layers], object]
PATCH = np.zeros((SIZE, SIZE))
PATCH[40:56, 8:24] = 1
Y, X = np.mgrid[:SIZE, :SIZE] + 0.0


def scene(number: int) -> Layers:
    """The layers of a frame, of which some are light that is added up in the main image; textures that move differently."""
    random = np.random.default_rng(number)
    noise = 1 + 0.01 * random.standard_normal((2, SIZE, SIZE))
    diffuse = (0.5 + 0.3 * np.sin((X + number) / 7) + 0.1 * np.cos((Y - X) / 11)) * np.linspace(1, 0.4, SIZE)[:, None]
    glossy = 0.3 + 0.2 * np.cos((X - 2 * number) / 9 + Y / 5) * np.linspace(0.2, 1, SIZE)
    return {"diffuse": diffuse * noise[0], "glossy": glossy * noise[1], "N": np.sin((X + number) / 12) * Y / SIZE}


def found_in(
    edit: Edit, *, frames: int = 12, image: Edit = lambda number, layers: None, in_parts: bool = False
) -> list[Finding]:
    """The findings of frames whose layers `edit` changes, and the main image only if `image` does."""
    given = []
    for number in range(1, frames + 1):
        lit, layers = scene(number), scene(number)
        image(number, lit)
        edit(number, layers)
        main = lit["diffuse"] + lit["glossy"]
        images = {"": dict.fromkeys("BGR", main)}
        for name, values in layers.items():
            channels = ("X", "Y", "Z") if name == "N" else ("B", "G", "R")
            three = values if values.ndim == 3 else np.stack([values] * 3)
            images[name] = dict(zip(channels, three, strict=True))
        if in_parts:
            every = [
                Part(
                    name=name or "rgba",
                    channels=[Channel(each, FLOAT) for each in pixels],
                    pixels=pixels,
                    data_window=WINDOW,
                )
                for name, pixels in images.items()
            ]
        else:
            pixels = {
                f"{name}.{each}" if name else each: values
                for name, some in images.items()
                for each, values in some.items()
            }
            every = [
                Part(channels=[Channel(each, FLOAT) for each in sorted(pixels)], pixels=pixels, data_window=WINDOW)
            ]
        given.append(frame_of(build(every), f"shot/sh.{1000 + number}.exr"))
    return reported("SEQ-LAYER", given)


def changed(name: str, *frames: int, by: Callable[[Image], Image]) -> Edit:
    def edit(number: int, layers: Layers) -> None:
        if number in frames:
            layers[name] = by(layers[name])

    return edit


def held(name: str, *frames: int) -> Edit:
    """The layer of the frame before the first of these frames in all of them."""
    return lambda number, layers: layers.update({name: scene(frames[0] - 1)[name]} if number in frames else {})


def noisier(layer: Image) -> Image:
    return layer * (1 + 0.1 * np.random.default_rng(7).standard_normal(layer.shape))


def magenta(layer: Image) -> Image:
    return np.stack([layer * factor for factor in (1.4, 0.5, 1.4)])


def other(layer: Image) -> Image:
    """Another image of about the same light."""
    return layer.mean() * (1 + 0.8 * np.sin(X * Y / 300))


FAULTS: list[tuple[Edit, list[int], Severity, str]] = [
    (changed("diffuse", 6, by=np.flipud), [6], Severity.WARNING, "diffuse: upside down"),
    (changed("diffuse", 5, 6, 7, by=lambda x: x * 2), [5, 6, 7], Severity.WARNING, "diffuse: 2.01 times as bright"),
    (changed("glossy", 6, by=magenta), [6], Severity.WARNING, "glossy: more R and B and less G"),
    (changed("glossy", 6, by=other), [6], Severity.WARNING, "glossy: another image"),
    (changed("glossy", 6, by=lambda x: x * 1.6), [6], Severity.WARNING, "glossy: the mean luminance is 1.6 times"),
    (held("diffuse", 6, 7, 8), [6, 7, 8], Severity.WARNING, "diffuse: the same pixels as the frame before"),
    (held("N", 6, 7), [6, 7], Severity.WARNING, "N: the same pixels as the frame before"),
    (changed("N", 6, by=np.flipud), [6], Severity.WARNING, "N: upside down"),
    (changed("N", 6, by=lambda x: x + 2 * PATCH), [6], Severity.INFO, "N: 16 of 256 areas differ"),
    (changed("glossy", 6, by=lambda x: x * (1 - 0.8 * PATCH)), [6], Severity.WARNING, "glossy: 16 of 256 areas differ"),
    (changed("glossy", 6, by=noisier), [6], Severity.WARNING, "glossy: 1"),
]  # fmt: skip


@pytest.mark.parametrize("in_parts", [False, True], ids=["layers", "parts"])
@pytest.mark.parametrize(("edit", "frames", "severity", "message"), FAULTS)
def test_a_layer_that_differs_in_some_frames_is_reported(
    edit: Edit, frames: list[int], severity: Severity, message: str, in_parts: bool
) -> None:
    (found,) = found_in(edit, in_parts=in_parts)
    assert [number - 1000 for number in found.frames] == frames
    assert found.severity is severity
    assert message in found.message


@pytest.mark.parametrize("edit", [edit for edit, *_ in FAULTS[:5]])
def test_nothing_is_reported_where_the_main_image_changes_too(edit: Edit) -> None:
    assert not found_in(edit, image=edit)


@pytest.mark.parametrize("edit", [edit for edit, *_ in FAULTS[1:5]])
def test_nothing_is_reported_where_the_main_image_changes_as_much_in_the_dark(edit: Edit) -> None:
    def dark(number: int, layers: Layers) -> None:
        edit(number, layers)
        layers.update({name: layer * 0.02 for name, layer in layers.items()})

    assert not found_in(edit, image=dark)


def test_layers_with_one_fault_are_reported_together() -> None:
    both = [held(name, 6, 7, 8) for name in ("diffuse", "glossy")]
    (found,) = found_in(lambda number, layers: [edit(number, layers) for edit in both])
    assert found.message.startswith("Frames 1006-1008: diffuse, glossy: the same pixels")


def test_light_that_flashes_often_beside_the_main_image_is_info() -> None:
    (found,) = found_in(changed("glossy", 3, 6, 9, by=lambda x: x * 2))
    assert found.severity is Severity.INFO


def test_a_part_of_a_layer_that_is_no_light_of_the_image_is_info() -> None:
    def albedo(number: int, layers: Layers) -> None:
        layers["glossy"] = 5 * layers["glossy"] + 4 * PATCH * (number == 6)

    (found,) = found_in(albedo)
    assert found.severity is Severity.INFO
    assert "areas differ" in found.message


def test_copies_behind_which_the_layer_goes_on_are_info() -> None:
    def late(number: int, layers: Layers) -> None:
        if number >= 6:
            layers["glossy"] = scene(number - 1)["glossy"]

    (found,) = found_in(late)
    assert (found.severity, list(found.frames)) == (Severity.INFO, [1006])
    assert "glossy: the same pixels as frame 1005: is it late from there on" in found.message


def test_nothing_is_reported_where_the_main_image_stands_still_too() -> None:
    edit = held("glossy", 6, 7)
    other_layers = held("diffuse", 6, 7)
    assert not found_in(edit, image=lambda number, layers: (edit(number, layers), other_layers(number, layers)))


def test_a_light_that_is_on_again_is_no_copy() -> None:
    def blinks(number: int, layers: Layers) -> None:
        layers["glossy"] = 0.5 * np.exp(-((X - 20) ** 2 + (Y - 30) ** 2) / 200) * (number in {4, 9})

    assert not found_in(blinks, image=blinks)


def test_mattes_are_no_layers_of_light() -> None:
    def with_matte(number: int, layers: Layers) -> None:
        layers["roto_matte"] = other(layers.pop("glossy")) if number == 6 else layers.pop("glossy")

    assert not found_in(with_matte)


@pytest.mark.parametrize(
    ("names", "key"),
    [(("X", "Y", "Z"), "shot/util"), (("R", "G", "B"), "shot/sh_N"), (("Z",), "shot/sh_Z"), (("Y",), "shot/sh_depth")],
)
def test_data_in_files_of_their_own_are_compared(names: tuple[str, ...], key: str) -> None:
    def files(odd: int) -> list[FrameSummary]:
        found = []
        for number in range(1, 13):
            data = scene(number)["N"] + 2
            pixels = {
                f"N.{n}" if key == "shot/util" else n: data[::-1] if number == odd else data for n in sorted(names)
            }
            part = Part(channels=[Channel(name, FLOAT) for name in pixels], pixels=pixels, data_window=WINDOW)
            found.append(frame_of(build([part]), f"{key}.{1000 + number}.exr"))
        return found

    (found,) = reported("SEQ-LAYER", files(odd=6))
    assert (found.severity, list(found.frames)) == (Severity.WARNING, [1006])
    assert "upside down" in found.message
    assert not reported("SEQ-LAYER", files(odd=0))
