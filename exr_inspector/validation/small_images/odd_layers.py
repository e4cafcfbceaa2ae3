"""Layers that differ in some frames from those beside them while the main image does not."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import cache
from itertools import pairwise
from operator import attrgetter
from statistics import fmean, median

import numpy as np
import numpy.typing as npt

from exr_inspector.model import Severity
from exr_inspector.validation.facts.sequences import SequenceFacts
from exr_inspector.validation.frames import FramePixels, FrameSummary
from exr_inspector.validation.rule import NOTHING, Found, Results, Rule, listed
from exr_inspector.validation.rules.sequences.comparison import SequenceParameters
from exr_inspector.validation.rules.sequences.files import repeated_frames
from exr_inspector.validation.rules.sequences.images import difference, edges_of, runs_of, shot_frames
from exr_inspector.validation.rules.sequences.levels import flash, hue
from exr_inspector.validation.small_images.areas import areas_that_differ
from exr_inspector.validation.small_images.noise import noisier_frames
from exr_inspector.validation.small_images.tones import other_tones
from exr_inspector.validation.small_images.turned import turned_frames

_FEWEST = 3  # frames
_IN_IMAGE = 0.15  # least part of a layer's change that the main image has if the light or the scene changes
_DARK = 0.01  # of the mean light, up to which areas count little
_LEAST_MOTION = 0.005  # difference of neighbours in an image that moves
_STILL = 0.5  # least ratio of the main image's motion to its usual one where a layer alone stands still
_JUMPS = 1.5  # least ratio of a jump to the usual motion
_ADDED = 1.05  # largest ratio of light that is a part of the image to the image
_ALMOST_ALL = 0.98
_MOST_FLASHES = 2  # more are those of a light that the main image does not have
_Values = npt.NDArray[np.float64]
_Check = Callable[[SequenceFacts], Results]
_Kept = Callable[[Found, Sequence[int]], Found | None]  # (a finding, the positions of its frames) -> what is left of it


def odd_layers(sequence: SequenceFacts, parameters: SequenceParameters) -> list[Found]:
    """The findings of SEQ-LAYER: one for all layers of which the same is found in the same frames."""

    def copies(facts: SequenceFacts) -> Results:
        return repeated_frames(facts, parameters)

    @cache
    def of_image(check: _Check) -> frozenset[int]:
        return frozenset(number for found in check(sequence) for number in found.frames)

    flashes, hues = _check_of(flash, parameters), _check_of(hue, parameters)
    found: dict[tuple[str, Severity | None], tuple[Found, list[str]]] = {}
    for name in sorted({name for frame in sequence.frames for name in frame.layers}):
        layer = _Layer(sequence, name)
        checks: list[tuple[_Check, _Kept]] = [(copies, layer.copies)] if layer.is_beside_image else []
        checks += [(turned_frames, layer.change)]
        checks += [(other_tones, layer.change), (hues, layer.hues)] if layer.is_light else []
        checks += [(areas_that_differ, layer.areas)]
        checks += [(noisier_frames, _noise), (flashes, layer.flashes)] if layer.is_light else []
        for each in layer.found_by(checks, of_image):
            found.setdefault((each.message, each.severity), (each, []))[1].append(name)
    return [_named(each, layers) for each, layers in found.values()]


def _check_of(rule: Rule, parameters: SequenceParameters) -> _Check:
    check = rule.check
    return (lambda facts: check(facts, parameters)) if check else lambda _: NOTHING


def _of_layer(frame: FrameSummary, name: str) -> FrameSummary:
    """The frame with a layer in place of the main image, without the size of the file, which holds all layers."""
    layer = frame.layers.get(name)
    return replace(frame, pixels=layer and layer.pixels, pixel_hash=layer and layer.pixel_hash, size_bytes=None)


def _named(found: Found, layers: Sequence[str]) -> Found:
    """A finding whose message names the layers behind the frames."""
    frames, _, what = found.message.partition(": ")
    return found._replace(message=f"{frames}: {listed(layers)}: {what}")


class _Layer:
    """The frames of a layer beside those of the main image.

    Attributes:
        is_light: Whether it is a layer of light, and not of depth or vectors.
        is_beside_image: Whether the files also have a main image. Without one, only data are compared.
    """

    def __init__(self, sequence: SequenceFacts, name: str) -> None:
        self._facts = SequenceFacts(sequence.name, (_of_layer(frame, name) for frame in sequence.frames))
        image = {frame.frame: pixels for frame, pixels in shot_frames(sequence) if pixels.small.size}
        seen = {frame.frame: pixels for frame, pixels in shot_frames(self._facts) if pixels.small.size}
        self._numbers = [number for number in seen if number in image or not image]
        self._layer = [seen[number] for number in self._numbers]
        self._image = [image[number] for number in self._numbers if image]
        self.is_light = any(pixels.luminance is not None for pixels in self._layer)
        self.is_beside_image = bool(image)

    def found_by(
        self, checks: Iterable[tuple[_Check, _Kept]], of_image: Callable[[_Check], frozenset[int]]
    ) -> Iterator[Found]:
        """The findings of checks on at most half of the frames, of which they find none of the main image.

        Args:
            checks: Each with the function that keeps a finding if the main image does not explain it. Frames that one check
                finds are not found by the next one.
            of_image: Gives the frames of the main image that a check finds.
        """
        known: set[int] = set()
        is_compared = len(self._numbers) >= _FEWEST and (self.is_beside_image or not self.is_light)
        for check, kept in checks if is_compared else ():
            for found in check(self._facts):
                frames = set(found.frames)
                odd = [at for at, number in enumerate(self._numbers) if number in frames]
                if known.issuperset(odd) or 2 * len(odd) > len(self._numbers):
                    continue
                if of_image(check).isdisjoint(frames) and (left := kept(found, odd)):
                    known.update(odd)
                    yield left

    def copies(self, found: Found, odd: Sequence[int]) -> Found | None:
        """Copies where the main image moves on; info if the layer goes on from there, as it does if it is late or rests.

        A layer that mostly stands still, but for something that passes, has none.
        """
        steps = _steps(self._image)
        least = max(_LEAST_MOTION, _STILL * median(steps))
        if median(_steps(self._layer)) == 0 or any(steps[at - 1] < least for at in odd if at):
            return None
        equal = [
            (one, other)
            for one, other in self._edges(odd)
            if np.array_equal(self._layer[one].small, self._layer[other].small)
        ]
        if any(other > one for one, other in equal):
            return None  # an image that was there before, and rests again
        if not equal and self.is_light and self._is_in_image(odd, attrgetter("small")):
            return None  # a light that is on again
        if found.severity or self._jumps(self._layer, odd):
            return _warning(found)
        what = f"{found.message}: is it late from there on, or does it rest?" if equal else found.message
        return found._replace(message=what, severity=Severity.INFO)

    def change(self, found: Found, odd: Sequence[int]) -> Found | None:
        """A change that the main image does not have; of data, which it does not show, where it goes on as elsewhere."""
        if self.is_light:
            is_shown = self._is_in_image(odd, attrgetter("small"))
        else:
            is_shown = self.is_beside_image and self._jumps(self._image, odd)
        return None if is_shown else _warning(found)

    def areas(self, found: Found, odd: Sequence[int]) -> Found | None:
        """As `change`; info for parts of data and of surfaces, where things that are hardly seen in the main image can be."""
        is_sure = found.severity is not None or self._is_added()
        return self.change(found if is_sure else found._replace(severity=Severity.INFO), odd)

    def _is_added(self) -> bool:
        """Whether the main image has at least the light of the layer, unlike that of albedo."""
        pairs = zip(self._layer, self._image, strict=False)
        shares = [np.mean(layer.small <= _ADDED * image.small) for layer, image in pairs]
        return self.is_light and fmean(shares) >= _ALMOST_ALL

    def flashes(self, found: Found, odd: Sequence[int]) -> Found | None:
        """As `change`; info for many flashes, as of a light that the main image does not have."""
        is_meant = len(runs_of(odd)) > _MOST_FLASHES
        return self.change(found._replace(severity=Severity.INFO) if is_meant else found, odd)

    def hues(self, found: Found, odd: Sequence[int]) -> Found | None:
        """As `change`, for colours."""
        return None if self._is_in_image(odd, _colour) else _warning(found)

    def _is_in_image(self, odd: Sequence[int], values_of: Callable[[FramePixels], _Values]) -> bool:
        """Whether the main image has a change of some values, at least in part: by its amount, or in parts of the values.

        The former is that of light which is added to it, perhaps behind fog, the latter that of surfaces, also in the dark.
        """
        amounts, parts = [], []
        for edge in self._edges(odd):
            layer, image = ([values_of(pixels[at]) for at in edge] for pixels in (self._layer, self._image))
            amounts.append(_part(image[0] - image[1], layer[0] - layer[1]))
            parts.append(_part(_logarithms(*image), _logarithms(*layer)))
        return max(fmean(amounts), fmean(parts)) >= _IN_IMAGE

    def _jumps(self, images: Sequence[FramePixels], odd: Sequence[int]) -> bool:
        """Whether images change more than usual before or behind some frames."""
        usual = median(list(filter(None, _steps(images))) or [0.0])
        return any(difference(images[one], images[other]) > _JUMPS * usual for one, other in self._edges(odd))

    def _edges(self, odd: Sequence[int]) -> list[tuple[int, int]]:
        """The first and the last position of each run, each with the one beside it."""
        return [edge for run in runs_of(odd) for edge in edges_of(run, len(self._numbers))]


def _warning(found: Found) -> Found:
    return found._replace(severity=found.severity or Severity.WARNING)


def _noise(found: Found, _: Sequence[int]) -> Found:
    """More noise, which the main image, of all light, may not have."""
    return found._replace(severity=found.severity or Severity.INFO)


def _steps(images: Sequence[FramePixels]) -> list[float]:
    return [difference(before, after) for before, after in pairwise(images)]


def _colour(pixels: FramePixels) -> _Values:
    return np.array([pixels.means.get(name, 0.0) for name in "RGB"])


def _logarithms(one: _Values, other: _Values) -> _Values:
    """How many times as large values are as others, as logarithms; less in the dark."""
    least = max(_DARK * float(np.abs(one + other).mean()), float(np.finfo(np.float32).tiny))
    ratios: _Values = np.log((np.maximum(one, 0) + least) / (np.maximum(other, 0) + least))
    return ratios


def _part(change: _Values, of: _Values) -> float:
    """How much of a change another one has."""
    return float(change @ of) / max(float(of @ of), float(np.finfo(np.float32).tiny))
