"""CRY: the pixels of Cryptomattes: ids and coverage, from the statistics of channels and of objects."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import chain, pairwise

from exr_inspector.exr.cryptomatte.mattes import ChannelPlace, Matte
from exr_inspector.exr.header.values import PixelType
from exr_inspector.model import ChannelStats, MatteObjects, ObjectCoverage, Severity
from exr_inspector.validation.facts.facts import FileFacts
from exr_inspector.validation.rule import Found, Results, Stage, counted, listed
from exr_inspector.validation.rules.cryptomatte import label_of_view, matte_rule

_SPEC = "Cryptomatte specification 1.2.0"
_COVERAGE_TOLERANCE = 1e-3
_EDGES_SHARE = 0.1  # of the image: more than blended ids at the edges of objects cover
_NAMES_SHOWN = 4
_NO_COVERAGE = 1000  # filters overshoot by less
_pixel_rule = partial(matte_rule, stage=Stage.PIXELS)


def _stats(file: FileFacts, place: tuple[int, str]) -> ChannelStats | None:
    return file.parts[place[0]].stats.get(place[1])


def _intact(file: FileFacts) -> list[Matte]:
    """The Cryptomattes that are stored without loss. Defects of the others follow from CRY-FLOAT32 or CRY-LOSSLESS."""
    ruined = {
        (part.index, channel.name)
        for part in file.parts
        for channel in part.named
        if channel.is_lossy or channel.channel.pixel_type != PixelType.FLOAT
    }
    return [matte for matte in file.mattes if ruined.isdisjoint(matte.places())]


def _name(file: FileFacts, place: tuple[int, str]) -> str:
    """The full name of the channel, prefixed by its layer if the name of the part gives the layer."""
    layer = file.parts[place[0]].names.part_layer
    return f"{layer}.{place[1]}" if layer and "." not in place[1] else place[1]


def _objects(file: FileFacts, matte: Matte) -> Iterator[MatteObjects]:
    """The objects in the pixels of a Cryptomatte, by view; empty unless all pixels were read."""
    report = file.inspection.pixels
    return (found for found in (report.mattes if report else ()) if found.key == matte.declared.key)


def _not_finite(file: FileFacts, matte: Matte) -> dict[tuple[int, str], int]:
    """The numbers of NaN and infinite values in id channels that have any."""
    places = (identifier for identifier, _ in chain.from_iterable(matte.pairs()))
    every = ((place, stats) for place in places if (stats := _stats(file, place)))
    return {place: count for place, stats in every if (count := stats.nan_count + stats.inf_count)}


@_pixel_rule(
    "CRY-PIXEL-ID",
    Severity.WARNING,
    "Id channels hold no NaN, infinity or denormal number",
    why="The conversion from hash to float never produces them, so the image was filtered, resized or is not a Cryptomatte.",
    source=_SPEC,
    fix="Render the Cryptomatte again, and do not filter or resize it.",
    limits="Denormal numbers are found only when all pixels are read (`--stats full`).",
)
def pixel_id(file: FileFacts, _: object) -> Results:
    found = []
    for matte in _intact(file):
        not_finite = _not_finite(file, matte)
        for (part, name), count in not_finite.items():
            message = f"{name} holds {counted(count, 'value')} that cannot be ids: NaN or infinite"
            found.append(Found(message, str(count), "0", name, part, severity=Severity.ERROR))
        denormal = sum(objects.impossible_count for objects in _objects(file, matte)) - sum(not_finite.values())
        if denormal > 0:
            message = f"{matte.label} holds {counted(denormal, 'value')} that cannot be ids: denormal numbers"
            found.append(Found(message, str(denormal), "0", part=matte.part))
    return found


@_pixel_rule(
    "CRY-COVERAGE",
    Severity.WARNING,
    "Coverage is between 0 and 1, also of all ranks together, and its mean falls from rank to rank",
    why="Mattes come out too strong or empty, channels are exchanged, or the image was saved with a gamma.",
    source=_SPEC,
    fix="Render the Cryptomatte again, and do not filter, merge or resize it.",
    limits="Range and mean of each rank, and the sum of the means; the sum of one pixel is not checked.",
)
def coverage(file: FileFacts, _: object) -> Results:
    found: list[Found] = []
    for pairs in chain.from_iterable(matte.pairs() for matte in _intact(file)):
        means: list[tuple[tuple[int, str], float]] = []
        known = len(found)
        if exchanged := _exchanged(file, pairs):
            first, message = exchanged
            found.append(Found(message, "exchanged", "id, coverage, id, coverage", first[1], first[0]))
            continue
        for _, place in pairs:
            stats = _stats(file, place)
            if stats is None or stats.minimum is None or stats.maximum is None or stats.mean is None:
                continue
            if stats.minimum < -_COVERAGE_TOLERANCE or stats.maximum > 1 + _COVERAGE_TOLERANCE:
                span = f"{stats.minimum:g} to {stats.maximum:g}"
                found.append(Found(f"{_name(file, place)} covers {span}", span, "0 to 1", place[1], place[0]))
            means.append((place, stats.mean))
        for at, ((before, mean), (following, below)) in enumerate(pairwise(means)):
            if below > mean + _COVERAGE_TOLERANCE:
                message = f"{_name(file, following)} covers more than {_name(file, before)}, the rank before it"
                if copied := next((place for place, other in means[:at] if other == below), None):
                    message += f", and as much as {_name(file, copied)}: a copy of that rank"
                found.append(Found(message, f"{below:g}", f"at most {mean:g}", following[1], following[0]))
        total = math.fsum(mean for _, mean in means)
        is_one_part = len({place[0] for place, _ in means}) == 1
        if len(found) == known and is_one_part and total > 1 + _COVERAGE_TOLERANCE:
            first, last = means[0][0], means[-1][0]
            message = f"{_name(file, first)} to {_name(file, last)} cover {total:.4g} times the image together"
            found.append(Found(message, f"{total:.4g}", "at most 1", first[1], first[0]))
    return found


def _exchanged(file: FileFacts, pairs: Sequence[tuple[ChannelPlace, ChannelPlace]]) -> tuple[ChannelPlace, str] | None:
    """The first id channel and a message if the channels of the first two ranks are exchanged, as by a writer of B, G, R, A.

    A pixel without an id may be covered, by the background, but one with an id is covered.
    """
    places = [place for pair in pairs[:2] for place in pair]
    ids, covers, next_ids, next_covers = [_stats(file, place) for place in places] + [None] * (4 - len(places))
    if not ids or not covers or not next_ids or not next_covers or not ids.exact:
        return None
    names = [_name(file, place) for place in places]
    if (ids.minimum or 0) >= 0 and ids.maximum == 1 and covers.magnitude > _NO_COVERAGE:
        return places[0], f"{names[0]} holds coverage, and {names[1]} ids: they are exchanged"
    least = _EDGES_SHARE * ids.samples
    if ids.zero_count - covers.zero_count > least and next_covers.zero_count - next_ids.zero_count > least:
        return places[0], f"{names[0]} has no ids where {names[1]} covers, but {names[2]} has: they are exchanged"
    return None


def _id_text(found: ObjectCoverage) -> str:
    return f"{found.id:08x} ({found.coverage:,.1f} pixels)"


def _unnamed_message(matte: Matte, objects: MatteObjects, pixels: int) -> str:
    label, unnamed, ids = label_of_view(matte, objects.view), objects.unnamed_count, objects.id_count
    first = listed([_id_text(one) for one in objects.first_unnamed])
    if objects.first_unnamed and all(one.id in matte.names_by_hash for one in objects.first_unnamed):
        names = listed([f"{one.id:08x} of {matte.names_by_hash[one.id][:100]!r}" for one in objects.first_unnamed])
        message = (
            f"{label}: the manifest lacks {unnamed:,} of {ids:,} ids in the pixels, which are the hashes of its names"
        )
        return f"{message}: {names}"
    if unnamed == ids:
        none = f"the manifest names none of the {ids:,} ids in the pixels ({first})"
        return f"{label}: {none}: it belongs to another image, or the ids were changed"
    largest = max((one.coverage for one in objects.first_unnamed), default=pixels)
    message = f"{label}: the manifest does not name {unnamed:,} of {ids:,} ids in the pixels: {first}"
    if 2 * objects.unnamed_once_count > unnamed:
        message += f"; {objects.unnamed_once_count:,} of them are in one pixel only, as after filtering or resizing"
    elif 2 * unnamed > ids and unnamed * largest < _EDGES_SHARE * pixels:
        message += "; they are many and small, as at edges after filtering or resizing"
    return message


@_pixel_rule(
    "CRY-ID-UNNAMED",
    Severity.WARNING,
    "The manifest names every id in the pixels",
    why="An object without a name cannot be selected by it. Filters, resizing and lossy compression produce "
    "ids that are no object's.",
    source=_SPEC,
    fix="Write the manifest of the same render. If most of these ids occur in a single pixel, or in few at edges, render the "
    "Cryptomatte again and do not filter or resize it.",
    limits="Only when all pixels are read (`--stats full`).",
)
def id_unnamed(file: FileFacts, _: object) -> Results:
    found = []
    for matte in _intact(file):
        for objects in _objects(file, matte):
            if objects.unnamed_count:
                window, count = file.header.parts[matte.part].data_window, objects.unnamed_count
                message = _unnamed_message(matte, objects, window.width * window.height if window else 0)
                found.append(Found(message, f"{count} of {objects.id_count}", "0", part=matte.part))
    return found


@_pixel_rule(
    "CRY-NAME-UNSEEN",
    Severity.INFO,
    "Every object that the manifest names is visible in the pixels",
    why="Renderers name objects outside the frame, too; but an expected object may be missing.",
    source=_SPEC,
    fix="No action is needed for objects that are hidden or outside the frame.",
    limits="Only when all pixels are read (`--stats full`).",
)
def name_unseen(file: FileFacts, _: object) -> Results:
    """Report names whose id has no coverage, for all Cryptomattes together.

    Nothing is reported if the manifest belongs to another image, or the pixels hold NaN, which may be such an id.
    """
    hit = []
    for matte in _intact(file):
        if _not_finite(file, matte):
            continue
        for objects in _objects(file, matte):
            unseen, names = objects.unseen_count or 0, objects.name_count or 0
            if unseen and not (unseen == names and objects.id_count):
                hit.append((matte, objects, unseen, names))
    if not hit:
        return []
    unseen, names = (sum(column) for column in zip(*((each[2], each[3]) for each in hit), strict=True))
    of = "the manifest" if len(hit) == 1 else "the manifests"
    shown = list(dict.fromkeys(name for _, objects, _, _ in hit for name in objects.first_unseen))[:_NAMES_SHOWN]
    first = ", ".join(map(repr, shown)) + (f" and {unseen - len(shown):,} more" if unseen > len(shown) else "")
    labels = listed([label_of_view(matte, objects.view) for matte, objects, _, _ in hit])
    message = f"{labels}: no pixel holds {unseen:,} of {names:,} names of {of}: {first}"
    return [Found(message, f"{unseen} of {names}", "0", part=hit[0][0].part)]
