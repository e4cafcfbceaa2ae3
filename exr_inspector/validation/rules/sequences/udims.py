"""TIL: the rule on the UDIM tiles of a map. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from exr_inspector.model import Severity
from exr_inspector.validation.facts.roles import Role, role_of
from exr_inspector.validation.facts.sequences import UDIMS, SequenceFacts, by_sibling
from exr_inspector.validation.frame_numbers import joined_ranges
from exr_inspector.validation.rule import Found, Results, counted, listed, sequence_rule
from exr_inspector.validation.rules.sequences.comparison import drift, named
from exr_inspector.validation.rules.sequences.headers import by_channels, other_channels, without_part


@sequence_rule(
    "TIL-UDIM",
    Severity.WARNING,
    "UDIM tiles have numbers of tiles and the channels and colour tag of the others, and none is missing that other maps have",
    why="Renderers ignore other numbers, take the channels and the colour space of one tile for all, and show a tile of one "
    "channel in red.",
    source="OpenImageIO#3049, OpenUSD#751 (UDIM tiles with other channels)",
    fix="Export the tiles that the message names again, with the settings of the others.",
    limits="In `check` and `report`. Tiles that a map lacks are a warning if at least two other maps of the object have them, "
    "else info, as are those of emission, opacity and masks. Another alpha or pixel type alone is info.",
    of_textures=True,
)
def udims(sequence: SequenceFacts, _: object) -> Results:
    found = _numbers(sequence)
    if all(number in UDIMS for number in sequence.numbers):
        usual, others = by_channels(sequence)
        for value, numbers in others.items():
            words, new, lacking = other_channels(usual, value)
            severity = Severity.INFO if _without_alpha(usual) == _without_alpha(value) else None
            if words:
                message = f"{named(numbers, 'Tile')}: {words}"
                found.append(Found(message, new, lacking, severity=severity, frames=numbers))
        found += drift(sequence, "the colour tag", lambda tile: tile.colour)
    return found


def _without_alpha(channels: Iterable[str]) -> set[str]:
    """The names of channels that are no alpha."""
    names = {name.rpartition(" ")[0] for name in without_part(channels)}
    return {name for name in names if role_of(*name.rpartition(".")[::2]) is not Role.ALPHA}


def _numbers(sequence: SequenceFacts) -> list[Found]:
    """Warn of UDIM tiles that the other maps of an object have, and of numbers that are none; a texture may have any tiles."""
    found = []
    if tiles := sequence.siblings.tiles:
        other, lacking = next(iter(by_sibling(sequence.name, tiles).items()))
        message = f"{counted(len(tiles), 'UDIM tile')} that other maps have ({other}): {joined_ranges(lacking)}"
        severity = Severity.WARNING if sequence.siblings.are_tiles_sure else Severity.INFO
        every = joined_ranges(sorted({*sequence.numbers, *tiles}))
        found.append(Found(f"This map lacks {message}", joined_ranges(sequence.numbers), every, severity=severity))
    if odd := sequence.siblings.no_tiles:
        names = listed(f.path.rpartition("/")[2] for f in sequence.frames if f.frame in odd)
        message = f"{names}: no number of a UDIM tile, which renderers ignore; expected 1001 to 1999 (1001 + u + 10 v)"
        found.append(Found(message, joined_ranges(odd), "1001 to 1999", severity=Severity.WARNING, frames=odd))
    return found
