"""The page itself: values and a template in, one HTML document out, which loads nothing and runs only its own script.

All text is escaped by Jinja2; data for the script is JSON without `<`; the content security policy in the page allows the one
style sheet and the one script by their hashes, and pictures that are part of the page.
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
from exr_inspector.delivery.judgement import CheckedFile
from exr_inspector.errors import missing_package
from exr_inspector.model import Severity
from exr_inspector.report.content import SequencePage, verdict_of
from exr_inspector.report.words import figure, human_bytes, plain
from exr_inspector.texts import json_document
from exr_inspector.validation.rule import counted

if TYPE_CHECKING:
    from jinja2 import Template

_HERE = Path(__file__).parent
_TEXT_CHARACTERS = 2_000
_TEXTS_A_FILE = 20


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture as the page holds it.

    Attributes:
        url: `data:` URL.
        width: Pixels.
        height: Pixels.
    """

    url: str
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class LayerPicture:
    """One layer of the frame whose layers are shown.

    Attributes:
        name: Layer; `base layer` for the one without a name.
        note: How its values are shown.
        picture: The picture.
    """

    name: str
    note: str
    picture: Picture


@dataclass(frozen=True, slots=True)
class ShownSequence:
    """A sequence as it is shown.

    Attributes:
        page: Its content.
        pictures: One a cell of the content, None for a frame without.
        pictures_note: What the pictures show.
        layers: Layers of one frame.
        layers_frame: Which frame that is.
    """

    page: SequencePage
    pictures: Sequence[Picture | None]
    pictures_note: str = ""
    layers: Sequence[LayerPicture] = ()
    layers_frame: int | None = None


@dataclass(frozen=True, slots=True)
class OtherFile:
    """A file that is no frame.

    Attributes:
        path: As the user knows it.
        severity: Of its worst finding; empty without one.
        verdict: As of a sequence.
        texts: Its errors and warnings.
    """

    path: str
    severity: str
    verdict: str
    texts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Report:
    """All that a page shows.

    Attributes:
        kind: What it is about, in two words.
        title: Its heading.
        facts: What most frames have, or how many sequences there are.
        verdict: `failed`, `warnings` or `passed`.
        views: The sequences.
        files: Files that are no frames.
        not_checked: Sentences about what was not looked at.
        foot: Who made it, from what.
        is_index: Whether the sequences have pages of their own.
    """

    kind: str
    title: str
    facts: str
    verdict: str
    views: Sequence[ShownSequence]
    files: Sequence[OtherFile]
    not_checked: Sequence[str]
    foot: str
    is_index: bool = False


@dataclass(frozen=True, slots=True)
class About:
    """What a report says beside its sequences.

    Attributes:
        title: What the user named: the heading of a page with several sequences.
        policy: What was judged by.
        made: When and how this was found out.
        files: Files that are no frames.
        not_checked: Sentences about what was not looked at.
    """

    title: str
    policy: str
    made: str
    files: Sequence[OtherFile] = ()
    not_checked: Sequence[str] = ()


def report_of(views: Sequence[ShownSequence], about: About, *, is_index: bool = False) -> Report:
    """The report of some sequences."""
    alone = views[0].page if len(views) == 1 and not is_index else None
    files = sum(view.page.file_count for view in views) + len(about.files)
    verdicts = [*(view.page.verdict for view in views), *(file.verdict for file in about.files)]
    return Report(
        kind="OpenEXR sequence" if alone else f"OpenEXR delivery, {counted(len(views), 'sequence')}",
        title=alone.title if alone else about.title,
        facts=alone.facts if alone else f"{counted(files, 'file')}, policy {about.policy}",
        verdict=next(word for word in ("failed", "warnings", "passed") if word in verdicts),
        views=views,
        files=about.files,
        not_checked=about.not_checked,
        foot=f"exr-inspector {__version__}, policy {about.policy}, {about.made}. This page loads nothing from the network.",
        is_index=is_index,
    )


def without_details(view: ShownSequence) -> ShownSequence:
    """What an index needs of a sequence, without pictures and data."""
    cells = tuple(replace(cell, picture=None) for cell in view.page.cells)
    return ShownSequence(replace(view.page, cells=cells, findings=(), drift=(), channels=(), data={}), ())


def other_files(files: Iterable[CheckedFile]) -> list[OtherFile]:
    """Files that are no frames, with their errors and warnings."""
    found = []
    for file in files:
        said = [
            f"{code}: {message}" for severity, code, message, _ in listed_findings(file) if severity > Severity.INFO
        ]
        label = file.worst.label if file.worst else ""
        found.append(OtherFile(file.path, label, verdict_of(file.worst), tuple(said[:_TEXTS_A_FILE])))
    return found


def require_template_engine() -> None:
    """Return where pages can be made: asked before files are read for minutes.

    Raises:
        SettingsError: Jinja2 is not installed.
    """
    if importlib.util.find_spec("jinja2") is None:
        raise missing_package("a report", "jinja2", "report")


def render(report: Report, links: Sequence[str] | None = None) -> bytes:
    """The HTML document, UTF-8.

    Args:
        report: What it shows.
        links: Where the overview leads to, one a sequence; None for the places of the page itself.
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

    return Markup(text)  # noqa: S704 - our own files, read above


def _json(value: Any) -> Any:
    """JSON that no parser of HTML takes for a tag or a comment."""
    return _markup(json_document(value, separators=(",", ":")).replace("<", "\\u003c"))


def _shown(text: str) -> str:
    return plain(text, _TEXT_CHARACTERS)


@lru_cache(maxsize=1)
def _template() -> Template:
    from jinja2 import Environment, StrictUndefined  # noqa: PLC0415 - only reports need it

    made = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    made.filters.update(shown=_shown, figure=figure, bytes=human_bytes, json=_json)
    return made.from_string(_text("page.html"))
