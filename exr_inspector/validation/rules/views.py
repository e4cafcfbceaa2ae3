"""VIEW: stereo and other views, by multiView in single-part files and by view in multi-part files."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Mapping
from functools import partial

from exr_inspector.exr.names import is_beauty, part_layer
from exr_inspector.model import Severity
from exr_inspector.validation.facts import traits as t
from exr_inspector.validation.facts.facts import FileFacts
from exr_inspector.validation.rule import NOTHING, Found, Remedy, Results, Stage, file_rule, listed

_DOCUMENT = "OpenEXR multi-view document"
_OTHER_EYE = {"left": "right", "right": "left"}
_NOT_A_LETTER = re.compile(r"[^a-zA-Z]+")
_view_rule = partial(file_rule, when=t.VIEWS)


@_view_rule(
    "VIEW-MIX",
    Severity.ERROR,
    "multiView is not used in multi-part files",
    why="Multi-part files name the view of every part; readers that support both conventions see views twice.",
    source=_DOCUMENT,
    fix="Remove multiView, and give every part a view attribute.",
    command="oiiotool IN.exr -a --eraseattrib multiView -o OUT.exr",
    remedy=Remedy.EDIT,
)
def mix(file: FileFacts, _: object) -> Results:
    if not file.is_multi_part:
        return NOTHING
    message = "multiView is set in a multi-part file; expected the attribute view in each part"
    parts = [part.index for part in file.header.parts if "multiView" in part.by_name]
    return [Found(message, "multiView", "view", part=part) for part in parts]


@_view_rule(
    "VIEW-LEFTRIGHT",
    Severity.WARNING,
    "In a stereo file the views are called left and right, and no main image of one is named for the other",
    why="Players and displays look for these two names, and show a part whose view is wrong to the other eye.",
    source=_DOCUMENT,
    fix="Rename the views in the node that writes the file. In a multi-part file the command does it.",
    command="exrstdattr -part 0 -string view left -part 1 -string view right IN.exr OUT.exr",
    remedy=Remedy.EDIT,
    profiles={"strict": "error"},
)
def left_right(file: FileFacts, _: object) -> Results:
    views, found = file.views, []
    if len(views) == 2 and set(views) != _OTHER_EYE.keys():
        message = f"The two views are called {listed(views)}; expected left and right"
        found.append(Found(message, listed(views), "left, right"))
    for part in file.header.parts if file.is_multi_part else ():
        other = _OTHER_EYE.get(part.view or "")
        # Of other layers, the word may name an object or a light: `door_left`, `rim_left`.
        is_named = other in _NOT_A_LETTER.split(part.name or "") and is_beauty(part_layer(part.name, other))
        if other and is_named:
            message = f"The part {part.name} has the view {part.view}"
            found.append(Found(message, str(part.view), other, part=part.index))
    return found


@_view_rule(
    "VIEW-PART0",
    Severity.ERROR,
    "Part 0 has a view if any part has one",
    why="The view of part 0 is the default view.",
    source=_DOCUMENT,
    fix="Write the view attribute of part 0.",
    command="exrstdattr -part 0 -string view left IN.exr OUT.exr",
    remedy=Remedy.EDIT,
)
def first_part(file: FileFacts, _: object) -> Results:
    if not file.is_multi_part or file.header.parts[0].view is not None:
        return NOTHING
    with_view = [part.index for part in file.header.parts if part.view is not None]
    if not with_view:
        return NOTHING
    return [Found(f"Part {with_view[0]} has a view, part 0 has none", "absent", "a view", part=0)]


@_view_rule(
    "VIEW-NAME-CHARS",
    Severity.ERROR,
    "View names contain no dots and no spaces",
    why="View names become components of channel names, which are separated by dots.",
    source=_DOCUMENT,
    fix="Rename the views with letters, digits and underscores.",
)
def name_characters(file: FileFacts, _: object) -> Results:
    return [
        Found(f"View name {view!r} has a dot or a space, or is empty", view, "a word")
        for view in file.views
        if not view or "." in view or " " in view
    ]


@_view_rule(
    "VIEW-CHAN-PREFIX",
    Severity.WARNING,
    "Channel names contain the view where the multi-view document puts it",
    why="Software finds the channels of a view by their names. In single-part files the view is the last but "
    "one component, and R, G, B, A of the default view have none; in multi-part files no channel name "
    "contains it. Nuke writes and reads right.depth.Z.",
    source=_DOCUMENT,
    fix="Name the channels layer.view.component in single-part files and layer.component in multi-part files.",
    profiles={"default": "info", "strict": "error"},
)
def channel_prefix(file: FileFacts, _: object) -> Results:
    views = frozenset(file.views)
    if file.is_multi_part:
        return _prefixed(file, views)
    part = file.parts[0]
    if "multiView" not in part.part.by_name or not views:
        return NOTHING
    default = file.views[0]
    found = []
    if hit := [name for name in (channel.name for channel in part.channels) if _misplaced(name, views)]:
        expected = "layer.view.channel"
        found.append(Found(f"The view is not where {expected} has it: {listed(hit)}", hit[0], expected, hit[0], 0))
    prefixed = {f"{default}.{component}" for component in "RGBA"}
    if hit := [channel.name for channel in part.channels if channel.name in prefixed]:
        expected = hit[0].rpartition(".")[2]
        message = f"{listed(hit)} name the default view {default}; its R, G, B, A have no prefix"
        found.append(Found(message, hit[0], expected, hit[0], 0))
    return found


def _prefixed(file: FileFacts, views: frozenset[str]) -> list[Found]:
    """Channel names of multi-part files that contain the name of a view."""
    found = []
    for part in file.parts:
        facts = part.channel_facts
        if views.isdisjoint(facts.outer_names) and views.isdisjoint(facts.inner_names):
            continue
        hit = [channel.name for channel in part.channels if not views.isdisjoint(channel.name.split(".")[:-1])]
        message = f"Channel names of a multi-part file contain the view: {listed(hit)}"
        found.append(Found(message, hit[0], "names without views", hit[0], part.index))
    return found


def _misplaced(name: str, views: frozenset[str]) -> bool:
    """Whether a channel name of a single-part file contains views, but not at the position that the convention defines."""
    *outer, last = name.split(".")
    if not outer:
        return False
    return outer[-1] not in views and (last in views or not views.isdisjoint(outer))


@_view_rule(
    "VIEW-PAIR",
    Severity.WARNING,
    "All views have the same channels and pixel types, and data windows of similar size",
    why="One eye lacks a layer that the other one has.",
    source=_DOCUMENT,
    fix="Render the view that lacks channels again, with the settings of the other one.",
)
def pair(file: FileFacts, _: object) -> Results:
    """Compare the channels of all views over all parts.

    Data windows that differ by a factor of two or more in area are info, because they may be cropped to the image.
    """
    views = file.views
    if len(views) < 2:
        return NOTHING
    by_view: dict[str | None, set[tuple[str, str, str]]] = {view: set() for view in views}
    sizes: dict[str | None, tuple[int, int]] = {}
    for part in file.parts:
        window = part.part.data_window
        for view, entries in part.channel_facts.by_view.items():
            if view in by_view:
                by_view[view].update(entries)
                if window is not None:
                    sizes[view] = max(sizes.get(view, (0, 0)), (window.width, window.height), key=math.prod)
    first, first_size = by_view[views[0]], sizes.get(views[0])
    held = _held(file)
    found = []
    for view in views[1:]:
        if not by_view[view] and first:
            message = f"View {view} has no channels, view {views[0]} has {len(first)}"
            found.append(Found(message, "no channels", "equal channels"))
        elif held.get(view) != held.get(views[0]) and (odd := sorted(first ^ by_view[view])):
            found.append(_difference(odd, {each: by_view[each] for each in (views[0], view)}))
        size = sizes.get(view)
        areas = [math.prod(each) for each in (size, first_size) if each]
        if size and first_size and 2 * min(areas) <= max(areas):
            mine, other = (f"{width}x{height}" for width, height in (size, first_size))
            message = f"View {view} has {mine} pixels, view {views[0]} {other}"
            found.append(Found(message, mine, other, severity=Severity.INFO))
    return found


def _difference(odd: list[tuple[str, str, str]], by_view: Mapping[str | None, set[tuple[str, str, str]]]) -> Found:
    """The channels that one of two views has and the other one lacks, or has with another type."""
    names = listed(".".join(filter(None, entry[:2])) + f" {entry[2]}" for entry in odd)
    message = f"Views {' and '.join(map(str, by_view))} differ in {names}"
    lacking = [view for view, entries in by_view.items() if entries.isdisjoint(odd)]
    if lacking:
        message += f", which {lacking[0]} lacks"
    return Found(message, names, "equal channels")


def _held(file: FileFacts) -> dict[str | None, Counter[tuple[str, str, int]]]:
    """View -> its channels by layer as the specification defines it, as often as parts have them.

    The names of parts do not have to show which parts of two views correspond.
    """
    found: dict[str | None, Counter[tuple[str, str, int]]] = {}
    for part in file.parts:
        for name, channel in zip(part.names.channels, part.channels, strict=True):
            found.setdefault(name.view, Counter()).update([(name.layer, name.component, channel.pixel_type)])
    return found


@_view_rule(
    "VIEW-SAME",
    Severity.WARNING,
    "The views of a stereo file show different images",
    why="One eye was written twice: the image has no depth.",
    source=_DOCUMENT,
    fix="Render the second view with its own camera, or deliver the image without views.",
    stage=Stage.PIXELS,
    limits="By the statistics of all pixels of each channel: a mirrored eye counts as equal. In checks of sequences, info if "
    "it is so in all frames.",
)
def same(file: FileFacts, _: object) -> Results:
    """Report views of which all channels have the same statistics, unless they are constant."""
    pixels: dict[str | None, Counter[tuple[str, tuple[object, ...]]]] = {view: Counter() for view in file.views}
    varies = set()
    for part in file.parts:
        for name, channel in zip(part.names.channels, part.channels, strict=True):
            stats = part.stats.get(channel.name)
            if name.view not in pixels or stats is None or not stats.exact:
                return NOTHING
            values = (stats.samples, stats.minimum, stats.maximum, stats.mean, stats.stddev, stats.zero_count)
            pixels[name.view].update([(name.component, values)])
            if not stats.is_constant:
                varies.add(name.view)
    first = next(iter(pixels), None)
    twins = [str(view) for view, found in pixels.items() if view != first and view in varies and found == pixels[first]]
    if not twins:
        return NOTHING
    message = f"Views {listed([str(first), *twins])} have the same pixels; expected different ones"
    return [Found(message, "equal pixels", "different images")]


@_view_rule(
    "VIEW-SINGLE",
    Severity.INFO,
    "A single-part file with one view names it by both view and multiView",
    why="Readers look for one of the two attributes.",
    source=_DOCUMENT,
    fix="Write both attributes, or neither.",
    command='oiiotool IN.exr -a --eraseattrib "view|multiView" -o OUT.exr',
    remedy=Remedy.EDIT,
)
def single(file: FileFacts, _: object) -> Results:
    part = file.header.parts[0]
    if file.is_multi_part or len(file.views) != 1:
        return NOTHING
    present = [name for name in ("view", "multiView") if name in part.by_name]
    if len(present) != 1:
        return NOTHING
    message = f"The only view is named by {present[0]} alone; expected view and multiView"
    return [Found(message, present[0], "view and multiView", part=0)]
