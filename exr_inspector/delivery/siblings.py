"""Find sequences that are views or AOVs of one image, by their names: all of them must have the same frames. Pure.

>>> from exr_inspector.delivery.naming import recognise
>>> left, right = [f"left/a.{n}.exr" for n in range(1001, 1006)], [f"right/a.{n}.exr" for n in range(1001, 1005)]
>>> found = siblings_of([(sequence, ()) for sequence in recognise(left + right).sequences])
>>> {pattern: sorted(each.frames) for pattern, each in found.items()}
{'left/a.####.exr': [1001, 1002, 1003, 1004, 1005], 'right/a.####.exr': [1001, 1002, 1003, 1004, 1005]}
>>> alone = recognise([*left, "right/a.1001.exr"]).sequences  # a single frame says nothing of a range
>>> siblings_of([(sequence, ()) for sequence in alone])
{}
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from exr_inspector.delivery.naming import Recognised
from exr_inspector.validation import FrameSummary
from exr_inspector.validation.facts.roles import RGB, layer_of_file
from exr_inspector.validation.facts.sequences import NO_SIBLINGS, Siblings, sibling_name

_VIEW = re.compile(r"(?<![a-zA-Z0-9])(?:left|right|l|r)(?![a-zA-Z0-9])", re.IGNORECASE)
# AOVs that renderers write for every frame. Left out are elements of a shot, which need not be in all frames (`smoke`, `mask`)
# and maps of textures that are no AOVs (`height`, `roughness`).
_WORD = (
    r"(?:[NPZ]|(?i:beauty|combined|rgba?|z_?depth|depth|(?:world_?)?positions?|pworld|pref|normals?|uvs?"
    r"|motion_?vectors?|mvec|velocity|diffuse|diff|specular|spec|reflections?|refl|refractions?|refr|emission|emissive"
    r"|sss|subsurface|transmission|coat|sheen|albedo|ao|ambient_?occlusion|occlusion|gi|indirect|direct"
    r"|fresnel|translucency|object_?id|material_?id|[a-z]*crypto[a-z]*(?:_?(?:object|material|asset))?\d{0,2}))"
)
# `diffuse`, `diffuse_direct`, `specular_raw`, and of a single light: `beauty_key`
_MORE = "(?i:raw|filter|colou?r|pass|key|fill|rim|kick(?:er)?|bounce|env|dome|sky|sun)"
_AOV = re.compile(rf"[._-]?(?<![a-zA-Z0-9]){_WORD}(?:[_-](?:{_WORD}|{_MORE}))*(?![a-zA-Z0-9])")
_MAIN = re.compile(r"(?i:beauty|combined|rgba?)")
# AOVs that are black where no such light is.
_LIGHT = re.compile(
    r"(?i:specular|spec|refl(?:ections?)?|refr(?:actions?)?|emission|emissive|sss|subsurface|transmission|coat|sheen|gi"
    r"|indirect|direct|translucency)"
)
# AOVs that change from frame to frame and are no maps of textures or lenses
_ANIMATED = re.compile(
    r"(?<![a-zA-Z0-9])(?i:beauty|combined|rgba?|z_?depth|depth|motion_?vectors?|mvec|velocity|[a-z]*crypto[a-z]*"
    r"|object_?id|material_?id)(?![a-z])"
)
# Files of several AOVs, as the write nodes of one script name them.
_BUNDLE = re.compile(
    r"[._-]?(?<![a-zA-Z0-9])(?:data|pass(?:es)?|aovs?|util(?:s|ity|ities)?|tech|light_?groups?)(?![a-zA-Z0-9])",
    re.IGNORECASE,
)
_VERSION = re.compile(r"(?<![a-zA-Z0-9])[vV]\d+(?![a-zA-Z0-9])", re.ASCII)
_DIGITS = re.compile(r"#+")
_OUTPUT = re.compile(r"(.*/|)([^/]+?)[._-]?#+([^/#]*)", re.DOTALL)  # folder, name before the frame, and behind it
_SEPARATOR = re.compile(r"[._-]")
_FEW_FRAMES = 2
_MOST_VERSIONS = 16  # with a part of one range each; more are a convention of names
_FEWEST = 3  # sequences with fewer frames say nothing of a range


def siblings_of(
    sequences: Sequence[tuple[Recognised, Iterable[FrameSummary]]],
) -> dict[str, Siblings]:
    """What sequences tell about each other that are views and AOVs of one image.

    Args:
        sequences: The sequences, without textures, each with the summaries of its frames, which tell where two views have the
            same pixels.

    Returns:
        By the pattern of each sequence whose path differs from that of another only in the view and the AOV: their frames. Of
        such sequences, those are compared that have several frames and share most of them with the longest one, or have no
        others than that: lens maps of a single frame, and names that are alike by chance (`take_P.1001-1010`,
        `take_N.2001-2010`), are left out.
    """
    groups: defaultdict[str, list[Recognised]] = defaultdict(list)
    for sequence, _ in sequences:
        groups[image_of(sequence.pattern)].append(sequence)
    found: dict[str, Siblings] = {}
    for group in groups.values():
        if len(group) > 1:
            found |= _frames_of(group)
    for pattern, copies in (_copies(sequences) | _images_under_data(sequences)).items():
        found[pattern] = replace(found.get(pattern, NO_SIBLINGS), copies=copies)
    for pattern, versions in _other_versions(sequence for sequence, _ in sequences).items():
        found[pattern] = replace(found.get(pattern, NO_SIBLINGS), versions=versions)
    for pattern, ends in _ends_of_outputs(sequence for sequence, _ in sequences).items():
        if not (known := found.get(pattern, NO_SIBLINGS)).frames:
            found[pattern] = replace(known, ends=ends)
    for pattern, newer in _newer_aovs(sequence for sequence, _ in sequences).items():
        found[pattern] = replace(found.get(pattern, NO_SIBLINGS), newer=newer)
    return found


def is_animated(pattern: str) -> bool:
    """Whether the file name is that of an AOV that changes from frame to frame, and no map of textures or lenses."""
    return _ANIMATED.search(pattern.rpartition("/")[2]) is not None


def image_of(path: str) -> str:
    """The path without its view and AOV; the main image often has no word: `sh010.1001.exr` beside `sh010_depth.1001.exr`."""
    return _AOV.sub("", _VIEW.sub("%V", _DIGITS.sub("#", path)))


def overwritten_aovs(singles: Iterable[str], sequences: Iterable[Recognised]) -> dict[str, str]:
    """The files without a frame number that are AOVs of a sequence's image, with the reason.

    >>> from exr_inspector.delivery.naming import recognise
    >>> beauty = recognise(f"a/sh_beauty.{n}.exr" for n in range(1001, 1006)).sequences
    >>> list(overwritten_aovs(["a/sh_crypto.exr", "a/sh_uv.exr", "a/other_crypto.exr"], beauty))
    ['a/sh_crypto.exr']
    """
    images = {
        re.sub(r"[._ -]?#", "", image_of(sequence.pattern)): sequence
        for sequence in sequences
        if len(sequence.frames) >= _FEWEST and not sequence.is_udim
    }
    found: dict[str, str] = {}
    for path in singles:
        other = images.get(image_of(path)) if is_animated(path) else None
        if other is not None:
            found[path] = (
                f"an AOV without a frame number beside the {len(other.frames)} frames of "
                f"{sibling_name(path, other.pattern)}: probably every frame was written to this name, and the last one is left"
            )
    return found


def _newer_aovs(sequences: Iterable[Recognised]) -> dict[str, tuple[str, ...]]:
    """The views and AOVs of one image that have a newer version in their file names than a sequence has, by its pattern.

    Of each, the newest version counts. Only sequences that share most frames with the newer one are compared.
    """
    groups: defaultdict[str, dict[str, tuple[int, Recognised]]] = defaultdict(dict)
    for sequence in sequences:
        folder, slash, file_name = _DIGITS.sub("#", sequence.pattern).rpartition("/")
        versions = _VERSION.findall(file_name)
        if not versions or len(sequence.frames) < _FEWEST:
            continue
        name = folder + slash + _VERSION.sub("v#", file_name)
        of_image, version = groups[_BUNDLE.sub("", image_of(name))], int(versions[-1][1:])
        if name not in of_image or version > of_image[name][0]:
            of_image[name] = version, sequence
    found: dict[str, tuple[str, ...]] = {}
    for of_image in groups.values():
        newest = max(version for version, _ in of_image.values())
        latest = [sequence for version, sequence in of_image.values() if version == newest]
        for version, sequence in of_image.values():
            mine = frozenset(sequence.frames)
            others = latest if version < newest else []
            if newer := [each.pattern for each in others if _share_most(frozenset(each.frames), mine)]:
                found[sequence.pattern] = tuple(newer)
    return found


def _share_most(one: frozenset[int], other: frozenset[int]) -> bool:
    """Whether two sequences have more than half of all their frames in common."""
    return 2 * len(one & other) > len(one | other)


def _other_versions(sequences: Iterable[Recognised]) -> dict[str, dict[int, str]]:
    """The frames of other versions, if all versions, at most _MOST_VERSIONS, together have each frame of one range once."""
    groups: defaultdict[str, list[Recognised]] = defaultdict(list)
    for sequence in sequences:
        if _VERSION.search(sequence.pattern):
            groups[_VERSION.sub("v#", sequence.pattern)].append(sequence)
    found: dict[str, dict[int, str]] = {}
    for group in groups.values():
        every = [number for sequence in group for number in sequence.frames]
        if 1 < len(group) <= _MOST_VERSIONS and len(set(every)) == len(every) == max(every) - min(every) + 1 > len(
            group
        ):
            by_number = {number: sequence.pattern for sequence in group for number in sequence.frames}
            for sequence in group:
                mine = set(sequence.frames)
                found[sequence.pattern] = {n: other for n, other in by_number.items() if n not in mine}
    return found


def _frames_of(group: Iterable[Recognised]) -> dict[str, Siblings]:
    """The frames of all sequences of a group that have more than half of all frames in common with the longest one."""
    known = [(sequence.pattern, frozenset(sequence.frames)) for sequence in group]
    longest = max((frames for _, frames in known), key=len)
    several = [(pattern, frames) for pattern, frames in known if len(frames) >= _FEWEST]
    alike = [(pattern, frames) for pattern, frames in several if _share_most(frames, longest)]
    together = {number: pattern for pattern, frames in reversed(alike) for number in frames}
    found = {pattern: Siblings(together) for pattern, _ in alike} if len(alike) > 1 else {}
    parts = [
        pattern
        for pattern, frames in known
        if 2 * len(frames) <= len(longest) and frames < longest and _says_a_range(pattern, len(frames))
    ]
    for pattern, frames in alike if len(alike) > 1 else ():
        lacking = together.keys() - frames
        misnamed = {
            number: other for other, few in known if few <= lacking and _may_be(other, pattern) for number in few
        }
        found[pattern] = replace(found[pattern], misnamed=misnamed, image=_image_over(pattern, alike))
    return found | {pattern: Siblings(more=together) for pattern in parts}


def _image_over(pattern: str, alike: Iterable[tuple[str, frozenset[int]]]) -> str:
    """The main image, if the pattern is that of an AOV of light; empty otherwise."""
    if not any(map(_LIGHT.fullmatch, _words_of_aov(pattern))):
        return ""
    return next((other for other, _ in alike if all(map(_MAIN.fullmatch, _words_of_aov(other)))), "")


def _words_of_aov(pattern: str) -> list[str]:
    return [word for found in _AOV.findall(pattern) for word in _SEPARATOR.split(found) if word]


def _says_a_range(pattern: str, count: int) -> bool:
    """Whether a sequence has enough frames to be compared; of an AOV that changes, the only frame may be all frames in one."""
    return count >= _FEWEST or (count == 1 and is_animated(pattern))


def _ends_of_outputs(sequences: Iterable[Recognised]) -> dict[str, dict[int, str]]:
    """The frames before the first and behind the last one of a sequence that other outputs of one script have, by pattern.

    The names of outputs are that of the main one, in the same folder, with a word behind it (`comp.####`, `comp.bake.####`).
    Their frames are nearly those of the main one. Versions are no outputs.
    """
    by_name = {
        name.groups(): sequence
        for sequence in sequences
        if len(sequence.frames) >= _FEWEST and (name := _OUTPUT.fullmatch(sequence.pattern))
    }
    groups: dict[str, list[Recognised]] = {}
    for (folder, stem, after), sequence in by_name.items():
        for separator in reversed([*_SEPARATOR.finditer(stem)]):
            main, word = by_name.get((folder, stem[: separator.start()], after)), stem[separator.end() :]
            if main is not None:
                if not _VERSION.fullmatch(word) and not word.isdigit() and _are_nearly_equal(main, sequence):
                    groups.setdefault(main.pattern, [main]).append(sequence)
                break
    found: dict[str, dict[int, str]] = {}
    for group in groups.values():
        every = {number: sequence.pattern for sequence in reversed(group) for number in sequence.frames}
        for sequence in group:
            first, *_, last = sequence.frames
            if ends := {number: other for number, other in every.items() if not first <= number <= last}:
                found[sequence.pattern] = ends
    return found


def _are_nearly_equal(one: Recognised, other: Recognised) -> bool:
    """Whether of ten frames of two sequences, both have nine, or all but two."""
    frames, others = frozenset(one.frames), frozenset(other.frames)
    return len(frames ^ others) <= max(_FEW_FRAMES, len(frames | others) // 10) and _share_most(frames, others)


def _may_be(other: str, pattern: str) -> bool:
    """Whether two patterns have the same view or AOV in two spellings, of which the one begins the other (`r`, `right`)."""
    mine, theirs = ([*_VIEW.findall(each.lower()), *_AOV.findall(each.lower())] for each in (pattern, other))
    return len(mine) == len(theirs) and all(
        one.startswith(two) or two.startswith(one) for one, two in zip(mine, theirs, strict=True)
    )


def _copies(
    sequences: Sequence[tuple[Recognised, Iterable[FrameSummary]]],
) -> dict[str, dict[int, str]]:
    """The frames of views and versions with the pixels of the same frame of another one, whose pattern they have.

    Flat frames are left out. Of a version, all frames must be those of another one: a new version may change few.
    """
    views = _same_pixels(sequences, _VIEW, "%V")
    versions = _same_pixels(sequences, _VERSION, "v#")
    counts = {sequence.pattern: len(sequence.frames) for sequence, _ in sequences}
    return {name: same for name, same in versions.items() if len(same) == counts[name] >= _FEWEST} | views


def _images_under_data(
    sequences: Sequence[tuple[Recognised, Iterable[FrameSummary]]],
) -> dict[str, dict[int, str]]:
    """The frames of depth, normals and other data, by their names, with the pixels of the same frame of an image in colour.

    All frames must be those of one image, whose sequence lies in the same folder or in one beside it.
    """
    images: dict[tuple[str, int, str | None], str] = {}
    data: list[tuple[str, list[FrameSummary]]] = []
    for sequence, each in sequences:
        frames = [frame for frame in each if frame.pixel_hash is not None]
        if frames and layer_of_file(frames[0].path, RGB):
            data.append((sequence.pattern, frames))
            continue
        for frame in frames:
            if frame.pixels is not None and _is_coloured(frame.pixels.means):
                for folder in _folders(sequence.pattern):
                    images.setdefault((folder, frame.frame, frame.pixel_hash), sequence.pattern)
    found: dict[str, dict[int, str]] = {}
    for pattern, frames in data:
        keys = [(folder, frame.frame, frame.pixel_hash) for frame in frames for folder in _folders(pattern)]
        copies = {key[1]: images[key] for key in keys if key in images}
        if len(copies) == len(frames) >= _FEWEST:
            found[pattern] = copies
    return found


def _folders(pattern: str) -> tuple[str, str]:
    """The folder of a sequence and the one above it."""
    folder = pattern.rpartition("/")[0]
    return folder, folder.rpartition("/")[0]


def _is_coloured(means: Mapping[str, float]) -> bool:
    """Whether R, G and B differ; depth that was written as an image is grey."""
    return len({f"{means[name]:.4g}" for name in "RGB" if name in means}) > 1


def _same_pixels(
    sequences: Iterable[tuple[Recognised, Iterable[FrameSummary]]], word: re.Pattern[str], name: str
) -> dict[str, dict[int, str]]:
    """The frames with the pixels of the same frame of a sequence before it, whose pattern differs in a word alone."""
    first: dict[tuple[str, int, str], str] = {}
    found: defaultdict[str, dict[int, str]] = defaultdict(dict)
    alike = [(sequence.pattern, frames) for sequence, frames in sequences if word.search(sequence.pattern)]
    for pattern, frames in sorted(alike, key=lambda each: each[0]):
        image = word.sub(name, _DIGITS.sub("#", pattern))
        for frame in frames:
            is_flat = frame.pixels is not None and frame.pixels.is_constant
            if frame.pixel_hash is not None and not is_flat:
                other = first.setdefault((image, frame.frame, frame.pixel_hash), pattern)
                if other != pattern:
                    found[pattern][frame.frame] = other
    return found
