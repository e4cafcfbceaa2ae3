"""SEQ-LAYER: layers that differ in some frames while the main image does not."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from exr_inspector.model import ColourLines, Finding, Severity
from exr_inspector.pixels.lines import noise_level
from exr_inspector.validation import FrameSummary
from exr_inspector.validation.frames import FramePixels, FrameView
from tests.support.exrbytes import FLOAT, Channel, Part, build
from tests.unit.validation.sequences import Image, frame, frame_of, reported, seen

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


def seen_as(values: Image, *, is_data: bool = False) -> FramePixels:
    """What is known of an image, of shape (rows, columns) or (channels, rows, columns), or of data."""
    channels = values if values.ndim == 3 else np.stack([values] * 3)
    light = channels.mean(axis=0)
    compared = np.log1p(np.abs(channels)).mean(axis=0) if is_data else light
    areas = compared.reshape(16, SIZE // 16, 16, SIZE // 16).mean(axis=(1, 3))
    noise = 0.0 if is_data else noise_level([np.sqrt(light[::4])])
    means = dict(zip("RGB", channels.mean(axis=(1, 2)).tolist(), strict=True))
    lines = ColourLines(small=areas.astype(np.float32).tobytes(), noise=noise)
    return seen(None if is_data else float(light.mean()), lines=lines, means=means, deviation=float(light.std()))


def found_in(edit: Edit, *, image: Edit = lambda number, layers: None) -> list[Finding]:
    """The findings of twelve frames whose layers `edit` changes, and the main image only if `image` does."""
    given = []
    for number in range(1, 13):
        lit, layers = scene(number), scene(number)
        image(number, lit)
        edit(number, layers)
        known = {name: seen_as(values, is_data=name == "N") for name, values in layers.items()}
        views = {name: FrameView(pixels, str(pixels.lines)) for name, pixels in known.items()}
        main = seen_as(lit["diffuse"] + lit["glossy"])
        given.append(frame(1000 + number, pixels=main, pixel_hash=str(main.lines), layers=views))
    return reported("SEQ-LAYER", given)


def files(edit: Edit, *, in_parts: bool) -> list[FrameSummary]:
    """As in `found_in`, of files with layers in one part, or with a part for each layer."""
    found = []
    for number in range(1, 13):
        lit, layers = scene(number), scene(number)
        edit(number, layers)
        images = {"": dict.fromkeys("BGR", lit["diffuse"] + lit["glossy"])}
        images |= {name: dict.fromkeys("XYZ" if name == "N" else "BGR", values) for name, values in layers.items()}
        if not in_parts:
            images = {"": {f"{name}.{n}" if name else n: v for name, some in images.items() for n, v in some.items()}}
        parts = [
            Part(
                name=name or "rgba", channels=[Channel(n, FLOAT) for n in sorted(some)], pixels=some, data_window=WINDOW
            )
            for name, some in images.items()
        ]
        found.append(frame_of(build(parts), f"shot/sh.{1000 + number}.exr"))
    return found


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


@pytest.mark.parametrize(("edit", "frames", "severity", "message"), FAULTS)
def test_a_layer_that_differs_in_some_frames_is_reported(
    edit: Edit, frames: list[int], severity: Severity, message: str
) -> None:
    (found,) = found_in(edit)
    assert [number - 1000 for number in found.frames] == frames
    assert found.severity is severity
    assert message in found.message


@pytest.mark.parametrize("in_parts", [False, True], ids=["layers", "parts"])
def test_layers_of_one_part_and_parts_are_compared(in_parts: bool) -> None:
    (found,) = reported("SEQ-LAYER", files(changed("diffuse", 6, by=np.flipud), in_parts=in_parts))
    assert found.message == "Frame 1006: diffuse: upside down, compared with the frames around"


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


def test_a_layer_that_mostly_stands_still_has_no_copies() -> None:
    def passes(number: int, layers: Layers) -> None:
        layers["glossy"] = scene(1)["glossy"] + PATCH * (number in {5, 6})

    assert not [found for found in found_in(passes, image=passes) if "pixels" in found.message]


def test_mattes_measures_and_parts_with_another_window_are_not_compared() -> None:
    def part(name: str, window: tuple[int, int, int, int], *channels: str) -> Part:
        pixels = dict.fromkeys(sorted(channels), X[: window[3] + 1])
        known = [Channel(each, FLOAT) for each in pixels]
        return Part(name=name, channels=known, pixels=pixels, data_window=window, display_window=WINDOW)

    of_image = ("R", "G", "B", "roto_matte.R", "sample_count.R", "P.X", "diffuse.R", "diffuse.G", "uv.X")
    lower = (0, 0, SIZE - 1, 40)
    found = frame_of(build([part("rgba", WINDOW, *of_image), part("glossy", WINDOW, "R"), part("depth", lower, "Z")]))
    assert {*found.layers} == {"diffuse", "P", "uv", "glossy"}


@pytest.mark.parametrize(
    ("names", "key"),
    [(("X", "Y", "Z"), "shot/util"), (("R", "G", "B"), "shot/sh_N"), (("Z",), "shot/sh_Z"), (("Y",), "shot/sh_depth")],
)
def test_data_in_files_of_their_own_are_compared(names: tuple[str, ...], key: str) -> None:
    def of_data(odd: int) -> list[FrameSummary]:
        found = []
        for number in range(1, 13):
            data = scene(number)["N"] + 2
            pixels = {
                f"N.{n}" if key == "shot/util" else n: data[::-1] if number == odd else data for n in sorted(names)
            }
            part = Part(channels=[Channel(name, FLOAT) for name in pixels], pixels=pixels, data_window=WINDOW)
            found.append(frame_of(build([part]), f"{key}.{1000 + number}.exr"))
        return found

    (found,) = reported("SEQ-LAYER", of_data(odd=6))
    assert (found.severity, list(found.frames)) == (Severity.WARNING, [1006])
    assert "upside down" in found.message
    assert not reported("SEQ-LAYER", of_data(odd=0))
