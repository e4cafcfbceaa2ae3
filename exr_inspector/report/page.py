"""Makes the HTML document of a report, which loads nothing and runs only its own script.

Jinja2 escapes all texts. Data for the script is JSON without `<`. The page's content security policy allows its style sheet and
its script by their hashes, and pictures that are part of the page.
"""

from __future__ import annotations

import base64
import hashlib
import importlib.util
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from exr_inspector import __version__
from exr_inspector.delivery.grouping import listed_findings
from exr_inspector.delivery.sequences import CheckedFile
from exr_inspector.documents import json_document
from exr_inspector.report.content import SequencePage, result_of
from exr_inspector.report.words import figure, human_bytes, plain
from exr_inspector.texts import missing_package
from exr_inspector.validation.rule import counted

if TYPE_CHECKING:
    from jinja2 import Template

_HERE = Path(__file__).parent
_TEXT_CHARACTERS = 2_000
_TEXTS_A_FILE = 20


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture in the page: its `data:` URL, and its size in pixels."""

    url: str
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class LayerPicture:
    """A picture of one layer of a frame; `note` says how its values were made visible."""

    name: str
    note: str
    picture: Picture


@dataclass(frozen=True, slots=True)
class ShownSequence:
    """A sequence with its pictures.

    Attributes:
        page: Its content.
        pictures: One for each view of each cell of the content, empty for a cell without pictures; None for a view without one.
        pictures_note: What the pictures show.
        layers: The layers of one frame.
        layers_frame: The number of that frame.
    """

    page: SequencePage
    pictures: Sequence[Sequence[Picture | None]]
    pictures_note: str = ""
    layers: Sequence[LayerPicture] = ()
    layers_frame: int | None = None


@dataclass(frozen=True, slots=True)
class OtherFile:
    """A file that is not a frame.

    Attributes:
        path: Its path, as the user gave it.
        severity: Severity of its worst finding; empty without findings.
        result: `failed`, `warnings` or `passed`.
        texts: Its findings, the worst first.
    """

    path: str
    severity: str
    result: str
    texts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Report:
    """The content of a page.

    Attributes:
        kind: `OpenEXR sequence`, or `OpenEXR delivery` with the number of sequences.
        title: The heading.
        facts: Properties of most frames, or the number of files.
        result: `failed`, `warnings` or `passed`.
        views: The sequences.
        files: Files that are not frames.
        not_checked: Sentences about what was not checked.
        foot: Version, policy and time.
        is_index: Whether the sequences have pages of their own.
    """

    kind: str
    title: str
    facts: str
    result: str
    views: Sequence[ShownSequence]
    files: Sequence[OtherFile]
    not_checked: Sequence[str]
    foot: str
    is_index: bool = False


@dataclass(frozen=True, slots=True)
class About:
    """The content of a report besides its sequences.

    Attributes:
        title: The targets of the user: the heading of a page with several sequences.
        policy: Name of the policy.
        made: When and from what the report was made.
        files: Files that are not frames.
        checked: Number of those that were checked; files without the extension of OpenEXR files are not.
        not_checked: Sentences about what was not checked.
    """

    title: str
    policy: str
    made: str
    files: Sequence[OtherFile] = ()
    checked: int = 0
    not_checked: Sequence[str] = ()


def report_of(views: Sequence[ShownSequence], about: About, *, is_index: bool = False) -> Report:
    """The report of one or more sequences; `is_index` if each has a page of its own."""
    alone = views[0].page if len(views) == 1 and not is_index else None
    files = sum(view.page.file_count for view in views) + about.checked
    results = [*(view.page.result for view in views), *(file.result for file in about.files)]
    return Report(
        kind="OpenEXR sequence" if alone else f"OpenEXR delivery, {counted(len(views), 'sequence')}",
        title=alone.title if alone else about.title,
        facts=alone.facts if alone else f"{counted(files, 'file')}, policy {about.policy}",
        result=next(word for word in ("failed", "warnings", "passed") if word in results),
        views=views,
        files=about.files,
        not_checked=about.not_checked,
        foot=f"exr-inspector {__version__}, policy {about.policy}, {about.made}. This page loads nothing from the network.",
        is_index=is_index,
    )


def without_details(view: ShownSequence) -> ShownSequence:
    """A sequence for an index: without pictures, findings and data."""
    cells = tuple(replace(cell, pictures=()) for cell in view.page.cells)
    return ShownSequence(replace(view.page, cells=cells, findings=(), drift=(), channels=(), data={}), ())


def other_files(files: Iterable[CheckedFile]) -> list[OtherFile]:
    """Files that are not frames, with their findings, the worst first."""
    found = []
    for file in files:
        notes = sorted(listed_findings(file), key=lambda note: -note[0])
        texts = [f"{code}: {message}" for _, code, message in notes]
        label = file.worst.label if file.worst else ""
        found.append(OtherFile(file.path, label, result_of(file.worst), tuple(texts[:_TEXTS_A_FILE])))
    return found


def require_template_engine() -> None:
    """Check that pages can be made, before files are read for minutes.

    Raises:
        SettingsError: Jinja2 is not installed.
    """
    if importlib.util.find_spec("jinja2") is None:
        raise missing_package("a report", "jinja2", "report")


def render(report: Report, links: Sequence[str] | None = None) -> bytes:
    """The HTML document, encoded in UTF-8.

    Args:
        report: Its content.
        links: Targets of the overview's links, one for each sequence; None for anchors in the page itself.
    """
    if links is None:
        links = [f"#s{number}" for number in range(1, len(report.views) + 1)] if len(report.views) > 1 else []
    style, script = _text("uPlot.min.css") + _text("page.css"), _script()
    page = _template().render(
        report=report,
        links=links,
        style=_markup(style),
        script=_markup(script),
        style_hash=_hash(style),
        script_hash=_hash(script),
    )
    return page.encode("utf-8", "backslashreplace")


def _text(name: str) -> str:
    return (_HERE / name).read_text(encoding="utf-8")


def _script() -> str:
    return f"/*\n{_text('uPlot.LICENSE')}*/\n{_text('uPlot.iife.min.js')}\n{_text('page.js')}"


def _hash(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _markup(text: str) -> Any:
    from markupsafe import Markup  # noqa: PLC0415 - comes with Jinja2, which only reports need

    return Markup(text)  # noqa: S704 - files of this package, and JSON without `<`


def _json(value: Any) -> Any:
    """JSON without `<`, so that HTML parsers find no tag or comment in it."""
    return _markup(json_document(value, separators=(",", ":")).replace("<", "\\u003c"))


def _shown(text: str) -> str:
    return plain(text, _TEXT_CHARACTERS)


@lru_cache(maxsize=1)
def _template() -> Template:
    from jinja2 import Environment, StrictUndefined  # noqa: PLC0415 - only reports need it

    made = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    made.filters.update(shown=_shown, figure=figure, bytes=human_bytes, json=_json)
    return made.from_string(_text("page.html"))
