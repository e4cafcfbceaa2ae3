"""Find sequences that have the images of another one, such as those of another shot. Pure."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import replace

from exr_inspector.delivery.image_names import image_of, is_derived
from exr_inspector.delivery.naming import Recognised
from exr_inspector.validation import FrameSummary
from exr_inspector.validation.facts.sequences import NO_SIBLINGS, Siblings

_FEWEST = 3  # images that two sequences do not share by chance
_SEPARATORS = re.compile(r"[-_./ #%]+")
_DIGITS = re.compile(r"(?<!\d)\d{1,5}(?!\d)")
# What distinguishes copies of one image: versions, takes, dates
_ISSUE = re.compile(
    r"(?<![a-z])(?:v|ver(?:sion)?|rev|take|tk|copy|backup|delivery)[-_ ]?\d+(?![a-z0-9])|(?<!\d)20\d\d([-_.]?)\d\d\1\d\d(?!\d)"
)


_Known = tuple[Recognised, Iterable[FrameSummary]]


def with_copies(siblings: Mapping[str, Siblings], sequences: Iterable[_Known]) -> dict[str, Siblings]:
    """Add to the siblings of each sequence the one that has its images. Views and versions are known already."""
    others = [each for each in sequences if not siblings.get(each[0].pattern, NO_SIBLINGS).copies]
    whole = same_images(others)
    parts = {name: frames for name, frames in images_of_others(others).items() if name not in whole}
    found = {name: replace(siblings.get(name, NO_SIBLINGS), same=same) for name, same in whole.items()}
    found |= {name: replace(siblings.get(name, NO_SIBLINGS), foreign=frames) for name, frames in parts.items()}
    return {**siblings, **found}


def images_of_others(sequences: Iterable[_Known]) -> dict[str, dict[int, str]]:
    """The frames, at most half, with the image of the same frame of a sequence before it, by pattern.

    The file names differ in a number that is none of a version, as those of two shots. Images of one colour are left out, and
    so are fewer than three, such as a slate.
    """
    first: dict[tuple[str, int, str], str] = {}
    found: dict[str, dict[int, str]] = {}
    for each, every in sorted(sequences, key=lambda known: known[0].pattern):
        frames, plain = list(every), _ISSUE.sub("", each.pattern.casefold())
        images: dict[str, list[tuple[int, str]]] = {}
        for frame in frames:
            if frame.pixel_hash is not None and not (frame.pixels and frame.pixels.is_constant):
                other = first.setdefault((_DIGITS.sub("#", plain), frame.frame, frame.pixel_hash), each.pattern)
                if _ISSUE.sub("", other.casefold()).rpartition("/")[2] != plain.rpartition("/")[2]:
                    images.setdefault(frame.pixel_hash, []).append((frame.frame, other))
        foreign = dict(place for places in images.values() for place in places)
        if len(images) >= _FEWEST and 2 * len(foreign) <= len(frames):
            found[each.pattern] = foreign
    return found


def same_images(sequences: Iterable[_Known]) -> dict[str, tuple[str, bool]]:
    """The sequence that has the images of all frames of another one in the same order, by its pattern.

    The second value is whether the names are those of different images (`_differ`). The shorter one, or the later one by
    name, is taken for the copy. Left out are sequences of less than three images, those that are named as made from others,
    and files that a link in another folder shows.
    """
    known = [(each.pattern, sorted(frames, key=lambda frame: frame.frame)) for each, frames in sequences]
    places: defaultdict[str | None, list[tuple[str, int]]] = defaultdict(list)
    longer: dict[str, list[FrameSummary]] = {}
    found: dict[str, tuple[str, bool]] = {}
    for pattern, frames in sorted(known, key=lambda each: (-len(each[1]), each[0])):
        hashes = [frame.pixel_hash for frame in frames]
        images = {frame.pixel_hash for frame in frames if not (frame.pixels and frame.pixels.is_constant)}
        if None in hashes or len(images) < _FEWEST or is_derived(pattern):
            continue
        rarest = min(hashes, key=lambda each: len(places[each]))
        for other, at in places[rarest]:
            start = max(0, at - hashes.index(rarest))
            theirs = longer[other][start : start + len(hashes)]
            if [frame.pixel_hash for frame in theirs] == hashes:
                is_other = _differ(pattern, other)
                if is_other or not _are_linked(frames, theirs):
                    found[pattern] = other, is_other
                break
        longer[pattern] = frames
        for at, each in enumerate(hashes):
            places[each].append((pattern, at))
    return found


def _are_linked(frames: Iterable[FrameSummary], others: Iterable[FrameSummary]) -> bool:
    """Whether all files have the names, sizes and times of others, as in a folder that is a link."""
    mine, theirs = (
        [(each.path.rpartition("/")[2], each.size_bytes, each.mtime) for each in some] for some in (frames, others)
    )
    return mine == theirs and all(time for _, _, time in mine)


def _differ(pattern: str, other: str) -> bool:
    """Whether names are not those of one image: they differ in a number, or file names in some words, but not in all.

    >>> _differ("sh010/comp.####.exr", "sh030/comp.####.exr"), _differ("work/comp.####.exr", "publish/sh010_comp.####.exr")
    (True, False)
    """
    plain = [_ISSUE.sub("", image_of(each).casefold()) for each in (pattern, other)]
    if plain[0] != plain[1] and len({_DIGITS.sub("#", each) for each in plain}) == 1:
        return True
    mine, theirs = ({*_SEPARATORS.split(each.rpartition("/")[2])} - {"exr", ""} for each in plain)
    return bool(mine & theirs and mine - theirs and theirs - mine)
