"""Values as JSON documents and CSV cells, which parsers and terminals accept whatever names they contain."""

from __future__ import annotations

import json
import re

from exr_inspector.texts import LINES, unicode_text, visible

_NOT_ASCII = re.compile("[\x7f-\U0010ffff]")
_FORMULA = tuple("=+-@\t\n\uff1d\uff0b\uff0d\uff20")  # characters that begin a formula in a spreadsheet


def json_document(value: object, *, indent: int | None = None, separators: tuple[str, str] | None = None) -> str:
    r"""Return the value as JSON that every parser accepts and a terminal can show; escapes lone surrogates and control codes.

    Raises:
        ValueError: A number is not finite.
    """
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, indent=indent, separators=separators)
    return _NOT_ASCII.sub(_in_json, text)


def _in_json(found: re.Match[str]) -> str:
    letter = found[0]
    if letter.isprintable() or letter in LINES:
        return letter
    is_surrogate = "\ud800" <= letter <= "\udfff"
    return json.dumps(unicode_text(letter) if is_surrogate else letter)[1:-1]


def csv_cell(value: object) -> object:
    """Return a value as a CSV cell; None is empty. A text that a spreadsheet takes for a formula gets a leading apostrophe."""
    if isinstance(value, str):
        text = visible(value, LINES)
        return f"'{text}" if text.startswith(_FORMULA) else text
    if isinstance(value, (bool, list, dict)):
        return csv_cell(json_document(value))
    return "" if value is None else value
