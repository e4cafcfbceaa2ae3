"""VIEW: stereo and other views, by multiView in single parts and by view in multi-part files."""

from __future__ import annotations

from exr_inspector.model import Severity
from exr_inspector.validation import traits as t
from exr_inspector.validation.facts import FileFacts
from exr_inspector.validation.parameters import Parameters
from exr_inspector.validation.rule import NOTHING, Found, Results, file_rule
from exr_inspector.validation.rules.channels import listed

_DOCUMENT = "OpenEXR multi-view document"


@file_rule(
    "VIEW-MIX",
    Severity.ERROR,
    "multiView is not in multi-part files",
    why="The two conventions must not be combined; readers see views twice or not at all.",
    source=_DOCUMENT,
    when=t.VIEWS,
)
def mix(file: FileFacts, _parameters: Parameters) -> Results:
    """MultiView in any part of a multi-part file."""
    if not file.is_multi_part:
        return NOTHING
    return [
        Found("multiView in a multi-part file", "multiView", "view", part=part.index)
        for part in file.header.parts
        if "multiView" in part.by_name
    ]


@file_rule(
    "VIEW-LEFTRIGHT",
    Severity.WARNING,
    "Two views are called left and right",
    why="Devices rely on these names.",
    source=_DOCUMENT,
    when=t.VIEWS,
)
def left_right(file: FileFacts, _parameters: Parameters) -> Results:
    """Names of exactly two views."""
    views = file.views
    if len(views) != 2 or set(views) == {"left", "right"}:
        return NOTHING
    return [Found(f"The two views are called {listed(views)}", listed(views), "left, right")]


@file_rule(
    "VIEW-PART0",
    Severity.ERROR,
    "Part 0 has a view if any part has one",
    why="It defines the default view.",
    source=_DOCUMENT,
    when=t.VIEWS,
)
def first_part(file: FileFacts, _parameters: Parameters) -> Results:
    """A later part with a view behind a part 0 without."""
    if not file.is_multi_part or file.header.parts[0].view is not None:
        return NOTHING
    with_view = [part.index for part in file.header.parts if part.view is not None]
    if not with_view:
        return NOTHING
    return [Found(f"Part {with_view[0]} has a view, part 0 has none", "absent", "a view", part=0)]


@file_rule(
    "VIEW-NAME-CHARS",
    Severity.ERROR,
    "View names have neither dots nor spaces",
    why="They become components of channel names.",
    source=_DOCUMENT,
    when=t.VIEWS,
)
def name_characters(file: FileFacts, _parameters: Parameters) -> Results:
    """Each view's name."""
    return [
        Found(f"View name {view!r} has a dot or a space, or is empty", view, "a word")
        for view in file.views
        if not view or "." in view or " " in view
    ]


@file_rule(
    "VIEW-CHAN-PREFIX",
    Severity.WARNING,
    "View names are in channel names as the convention has it",
    why="In single parts the view is the last but one component; in multi-part files it is in no channel name.",
    source=_DOCUMENT,
    when=t.VIEWS,
)
def channel_prefix(file: FileFacts, _parameters: Parameters) -> Results:
    """View names at another place of a channel name."""
    views = set(file.views)
    found = []
    for part in file.parts:
        facts = part.channel_facts
        # In single parts the last but one component is where a view belongs.
        if views.isdisjoint(facts.outer_names) and (not file.is_multi_part or views.isdisjoint(facts.inner_names)):
            continue
        hit = [name.name for name in part.names.channels if _misplaced(name.name, name.view, views, file)]
        if hit:
            found.append(Found(f"View names in channel names: {listed(hit)}", hit[0], channel=hit[0], part=part.index))
    return found


def _misplaced(name: str, view: str | None, views: set[str], file: FileFacts) -> bool:
    components = name.split(".")[:-1]
    if file.is_multi_part:
        return not views.isdisjoint(components)
    return not views.isdisjoint(components[:-1]) and view not in components[-1:]


@file_rule(
    "VIEW-PAIR",
    Severity.WARNING,
    "Every view has the same channels and types",
    why="An eye is missing something.",
    source=f"{_DOCUMENT}; common practice",
    when=t.VIEWS,
)
def pair(file: FileFacts, _parameters: Parameters) -> Results:
    """Channels by view over all parts, and windows of parts that are one layer's views."""
    views = file.views
    if len(views) < 2:
        return NOTHING
    by_view: dict[str | None, frozenset[tuple[str, str, str]]] = dict.fromkeys(views, frozenset())
    for part in file.parts:
        for view, entries in part.channel_facts.by_view.items():
            if view in by_view:
                by_view[view] |= entries
    first = by_view[views[0]]
    found = []
    for view in views[1:]:
        if odd := sorted(first ^ by_view[view]):
            names = listed(".".join(filter(None, entry[:2])) + f" {entry[2]}" for entry in odd)
            found.append(Found(f"Views {views[0]} and {view} differ in {names}", names, "equal channels"))
    return found


@file_rule(
    "VIEW-SINGLE",
    Severity.INFO,
    "A single part with one view says so by view and by multiView",
    why="Readers of either convention then find it.",
    source=_DOCUMENT,
    when=t.VIEWS,
)
def single(file: FileFacts, _parameters: Parameters) -> Results:
    """One of the two attributes alone in a file of one view."""
    part = file.header.parts[0]
    if file.is_multi_part or len(file.views) != 1:
        return NOTHING
    there = [name for name in ("view", "multiView") if name in part.by_name]
    if len(there) != 1:
        return NOTHING
    return [Found(f"The only view is said by {there[0]} alone", there[0], "view and multiView", part=0)]


RULES = (mix, left_right, first_part, name_characters, channel_prefix, pair, single)
