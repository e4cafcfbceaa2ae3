"""Prints the objects of Cryptomattes: name, id and coverage."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from exr_inspector.cli.output.tables import indented, plain_table
from exr_inspector.exr.cryptomatte.manifests import id_as_float
from exr_inspector.exr.cryptomatte.mattes import Matte, file_mattes
from exr_inspector.model import Inspection, MatteObjects
from exr_inspector.report.words import plain

MAX_NAME_CHARACTERS = 120
MAX_OBJECTS = 1_000  # printed for each Cryptomatte


def objects_blocks(inspection: Inspection) -> Iterable[RenderableType]:
    """A heading and a table of objects, the largest first, for each Cryptomatte of a file; why there is none for the others."""
    found = inspection.pixels.mattes if inspection.pixels else ()
    mattes = file_mattes(inspection.names)
    if not mattes:
        yield Text("no objects: the file declares no Cryptomatte")
    counted = {matte.name for matte in found}
    for declared in mattes:
        if declared.declared.name not in counted:
            yield Text(f"no objects of {plain(declared.label, MAX_NAME_CHARACTERS)}: {_why_none(declared, inspection)}")
    names = {matte.declared.key: matte.names_by_id for matte in mattes}
    for matte in found:
        yield _heading(matte)
        yield indented(_table(matte, names.get(matte.key, {})))
        if (more := len(matte.objects) - MAX_OBJECTS) > 0:
            yield Text(f"and {more:,} further objects (--json has them all)", style="dim")


def _why_none(matte: Matte, inspection: Inspection) -> str:
    """Why the objects of a Cryptomatte were not counted."""
    places = matte.places()
    if not places:
        return "the file has none of its channels"
    parts = inspection.header.parts if inspection.header else ()
    if any(parts[part].is_deep for part, _ in places):
        return "its channels are deep"
    types = {(part.index, channel.name): channel.type_name for part in parts for channel in part.channels or ()}
    if other := sorted({types[ids] for pairs in matte.pairs() for ids, _ in pairs} - {"FLOAT"}):
        return f"its ids are {' and '.join(other)}; they need FLOAT"
    return "its pixels could not be read"


def _heading(matte: MatteObjects) -> Text:
    text = Text(plain(f"Cryptomatte {matte.name or matte.key}", MAX_NAME_CHARACTERS), style="bold")
    if matte.view is not None:
        text.append(f" of view {plain(matte.view)}")
    least = "" if matte.is_complete else "at least "
    text.append(f": {least}{_many(matte.id_count, 'id')} in the pixels", style="default")
    if matte.name_count is None:
        text.append(", no manifest with their names", style="default")
    else:
        text.append(f", {_many(matte.name_count, 'name')} in the manifest", style="default")
    if matte.unnamed_count:
        text.append(f"; {_many(matte.unnamed_count, 'id')} without a name", style="yellow")
    if matte.unseen_count:
        text.append(f"; {_many(matte.unseen_count, 'name')} without a pixel", style="dim")
    return text


def _many(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'s' * (number != 1)}"


def _table(matte: MatteObjects, names: Mapping[int, str]) -> Table:
    table = plain_table("object")
    for column in ("id", "as float", "coverage (pixels)", "pixels"):
        table.add_column(column, justify="right", no_wrap=True)
    for found in matte.objects[:MAX_OBJECTS]:
        name = names.get(found.id)
        shown = Text("(no name)", style="dim") if name is None else Text(plain(name, MAX_NAME_CHARACTERS))
        table.add_row(
            shown, f"{found.id:08x}", f"{id_as_float(found.id):.9g}", f"{found.coverage:,.2f}", f"{found.pixels:,}"
        )
    return table
