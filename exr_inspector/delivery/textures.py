"""Find the sequences whose files are textures: mipmapped ones and UDIM tiles, whose numbers are no frames. Pure.

Painting software writes UDIM tiles that nothing in the files marks as such. Tiles are squares, most with a power of two as
side. Rows of up to ten tiles begin with 1001, 1011, 1021, ..., so that numbers are missing only at the ends of rows. The name
has the kind of map (`rock_BaseColor_ACEScg.1011.exr`), the numbers are those of textures beside them, or most are missing.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Container, Iterable, Sequence
from dataclasses import replace
from itertools import chain, pairwise

from exr_inspector.delivery.image_names import image_of, is_animated
from exr_inspector.delivery.naming import Recognised
from exr_inspector.validation import FrameSummary
from exr_inspector.validation.facts.sequences import UDIMS, Siblings

_ROW = 10
# Kinds of maps that are no AOVs, too.
_MAPS = (
    r"base_?colou?r|rough(?:ness)?|gloss(?:iness)?|metal(?:ness|lic)?|height|disp(?:lacement)?|vdm|bump|nrml?|nm"
    r"|cavity|curvature|thickness|anisotropy"
)
# Kinds of maps that are AOVs, too: gaps at the ends of rows of tiles decide.
_MAPS_OR_AOVS = (
    r"diff(?:use)?|col(?:or)?|alb(?:edo)?|spec(?:ular)?|normals?|ao|emi(?:ssion|ssive)?|opacity|sss|coat|sheen|mask"
    r"|subsurface|transmission|translucency|refl(?:ections?)?|refr(?:actions?)?|(?:ambient_?)?occlusion"
)
_MAP = re.compile(rf"(?<![a-z])(?:{_MAPS})(?![a-z])", re.IGNORECASE)
_MAP_OR_AOV = re.compile(rf"(?<![a-z])(?:{_MAPS_OR_AOVS})(?![a-z])", re.IGNORECASE)
_FIRST_WORD = re.compile(r"[^._ -]*")
_WRAP = "wrapmodes"  # an attribute of textures: what is beyond their edges
# Kinds of maps that many objects have on some of their tiles only.
_PARTIAL = re.compile(
    r"emi(?:ssion|ssive)?|opacity|sss|coat|sheen|mask|subsurface|trans(?:mission|lucency)|refr(?:actions?)?",
    re.IGNORECASE,
)
_FEW = 20  # a single number, or one in 20, may be none of a tile
_SEVERAL = 3  # maps of an object whose tiles say which ones it has
Known = tuple[Recognised, Sequence[FrameSummary]]


def textures_among(sequences: Sequence[Known]) -> frozenset[str]:
    """The patterns of the sequences whose files are textures.

    Args:
        sequences: The sequences, each with the summaries of its frames.
    """
    textures: set[str] = set()
    tiles: list[Known] = []  # those that may be tiles
    rendered: defaultdict[str, set[int]] = defaultdict(set)  # frames of AOVs that no texture has, by their image
    for known, frames in sequences:
        read = [frame for frame in frames if frame.display_window is not None]
        if known.is_udim or (read and all(frame.is_texture for frame in read)):
            textures.add(known.pattern)
        elif read and _are_squares(known.frames, read):
            tiles.append((known, read))
        if is_animated(known.pattern):
            rendered[image_of(known.pattern)].update(known.frames)
    textures |= {
        known.pattern for known, read in tiles if _are_tiles(known, read, rendered.get(image_of(known.pattern), set()))
    }
    return frozenset(textures | _beside_textures(textures, sequences, tiles))


def _are_tiles(known: Recognised, read: Sequence[FrameSummary], rendered: set[int]) -> bool:
    """Whether squares are UDIM tiles by their numbers, and by their name or an attribute of textures.

    More than one row without a gap is an image sequence, and so is a single row of a kind that is an AOV, too
    (`body_diffuse.1001.exr`) if all tiles have one size, and whatever another AOV has the frames of that are in the gaps.
    Without a kind, three rows or more of which less than half is there are tiles; every tenth number alone is none.
    """
    numbers = tile_numbers(known.frames)
    name = known.pattern.rpartition("/")[2]
    is_map = _MAP.search(name) is not None or all(_WRAP in (frame.attributes or ()) for frame in read)
    is_kind = is_map or _MAP_OR_AOV.search(name) is not None
    sides = {_side(frame) for frame in read}
    is_sized = all(side > 1 and side & (side - 1) == 0 for side in sides)
    gaps = [range(before + 1, after) for before, after in pairwise(numbers) if after != before + 1]
    if not gaps:
        return is_sized and len(numbers) <= _ROW and (is_map or (is_kind and len(sides) > 1))
    if not rendered.isdisjoint(chain.from_iterable(gaps)):
        return False
    is_sparse = 2 * len(numbers) <= numbers[-1] - numbers[0] + 1
    ends = [gap.stop % _ROW == 1 for gap in gaps]
    if not all(ends):
        return is_map and is_sized and is_sparse and any(ends)
    if is_kind:
        return is_sized or len(gaps) > 1
    is_stepped = len(numbers) == len(gaps) + 1
    return is_sized and is_sparse and len(gaps) > 1 and not is_stepped and not is_animated(known.pattern)


def _beside_textures(textures: Container[str], sequences: Iterable[Known], tiles: Iterable[Known]) -> set[str]:
    """The patterns of those tiles whose numbers are among those of textures beside them with the same first word."""
    numbers: defaultdict[tuple[str, str], set[int]] = defaultdict(set)
    for known, _ in sequences:
        if known.pattern in textures:
            for place in _places(known.pattern):
                numbers[place].update(tile_numbers(known.frames))
    return {
        known.pattern
        for known, _ in tiles
        if any(numbers.get(place, set()).issuperset(tile_numbers(known.frames)) for place in _places(known.pattern))
    }


def _places(pattern: str) -> list[tuple[str, str]]:
    """The folder of a sequence and the one above it, each with the first word of the file name."""
    folder, _, name = pattern.rpartition("/")
    word = _FIRST_WORD.match(name)
    return [(each, word[0] if word else "") for each in (folder, folder.rpartition("/")[0])]


def may_be_tiles(numbers: Sequence[int], read: Sequence[FrameSummary], patterns: Iterable[str]) -> bool:
    """Whether sequences may be UDIM tiles: squares with numbers of tiles, and the name of a map in one of the patterns.

    Tiles of several maps need not have the same numbers.
    """
    return _are_squares(numbers, read) and any(_MAP.search(each) or _MAP_OR_AOV.search(each) for each in patterns)


def _are_squares(numbers: Sequence[int], read: Sequence[FrameSummary]) -> bool:
    """Whether images are squares and have numbers of UDIM tiles."""
    return bool(tile_numbers(numbers)) and all(map(_side, read))


def tile_numbers(numbers: Sequence[int]) -> tuple[int, ...]:
    """The numbers that UDIM tiles may have; none if more than a few others are among them."""
    tiles = tuple(number for number in numbers if number in UDIMS)
    others = len(numbers) - len(tiles)
    return tiles if not others or others <= max(1, len(numbers) // _FEW) < len(tiles) else ()


def siblings_of_textures(textures: Iterable[Recognised]) -> dict[str, Siblings]:
    """Find the maps of one object, and by pattern the tiles that one lacks, and numbers that are no tiles.

    They are maps of one object if the text before the kind of map is the same (`hero_BaseColor_ACEScg`, `hero_Normal_raw`). Of
    a kind that is there twice, as in several versions or sizes, nothing is known.
    """
    objects: defaultdict[tuple[str, str], dict[str, list[Recognised]]] = defaultdict(dict)
    found: dict[str, Siblings] = {}
    for known in textures:
        folder, _, name = known.pattern.rpartition("/")
        kind = _MAP.search(name) or _MAP_OR_AOV.search(name)
        tiles = tile_numbers(known.frames)
        if kind is not None and tiles:
            objects[folder, name[: kind.start()].lower()].setdefault(kind[0].lower(), []).append(known)
        if (kind is not None or known.is_udim) and tiles:
            found[known.pattern] = Siblings(no_tiles=tuple(number for number in known.frames if number not in tiles))
    for kinds in objects.values():
        maps = {word: every[0] for word, every in kinds.items() if len(every) == 1}
        for word, known in maps.items():
            others = [each for each in maps.values() if each is not known]
            mine = frozenset(known.frames)
            common = (
                frozenset.intersection(*(frozenset(tile_numbers(each.frames)) for each in others)) if others else mine
            )
            if 2 * len(mine & common) > len(common) > len(mine & common):
                lacking = dict.fromkeys(sorted(common - mine), others[0].pattern)
                is_sure = len(maps) >= _SEVERAL and _PARTIAL.fullmatch(word) is None
                found[known.pattern] = replace(found[known.pattern], tiles=lacking, are_tiles_sure=is_sure)
    return found


def _side(frame: FrameSummary) -> int:
    """The side of a square image; 0 for other images, and for an unknown size."""
    window = frame.display_window or ()
    width, height = (window[2] - window[0] + 1, window[3] - window[1] + 1) if len(window) == 4 else (*window, 0, 0)[:2]
    return width if width == height else 0
