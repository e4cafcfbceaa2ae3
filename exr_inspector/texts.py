r"""Texts that are safe to print, store and parse, from files, keys and error messages; commands and pages that messages name.

A name may contain bytes that are not UTF-8 (lone surrogates in Python), control codes for a terminal, and marks that
change the direction of text. All output shows them as Python's escapes: `\x1b`, `\u202e`, `\udcff`.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from difflib import get_close_matches
from pathlib import Path, PureWindowsPath

from exr_inspector.errors import SettingsError

CHECKOUT = "./run"
INSTALLED = "exr-inspector"
LINES = "\t\n\xa0\u202f\u3000"  # not printable to Python, but harmless within quotes: tab, line feed and special spaces


def visible(text: str, kept: str = "") -> str:
    """Return the text with escapes for unprintable characters, except those in `kept`."""
    return "".join(letter if letter.isprintable() or letter in kept else repr(letter)[1:-1] for letter in text)


def did_you_mean(name: str, known: Iterable[str], most: int = 3) -> str:
    """Return `did you mean beauty or depth?` with up to `most` known names similar to `name`; empty if there are none."""
    near = get_close_matches(name, known, most)
    return f"did you mean {' or '.join(near)}?" if near else ""


def unicode_text(text: str) -> str:
    """Return the text with escapes for lone surrogates, which UTF-8 cannot encode; the tables store texts in this form."""
    return text.encode("utf-8", "backslashreplace").decode()


def is_absolute(path: str) -> bool:
    r"""Return whether a path of any system begins at a root: with a slash, a drive, or a server (`\\server\share`)."""
    return path.startswith("/") or PureWindowsPath(path).drive != ""


def name_bytes(name: str) -> bytes:
    """Return the bytes of a file's name; characters that the file system's encoding lacks are escaped."""
    try:
        return os.fsencode(name)
    except UnicodeEncodeError:
        return unicode_text(name).encode()


def _is_checkout() -> bool:
    """Whether this package lies in a checkout, which has `./run` and the pages of docs/."""
    return (Path(__file__).resolve().parents[1] / "run").is_file()


def program() -> str:
    """Return how the user starts this program: `./run` in a checkout, `exr-inspector` if that was typed or is all there is."""
    return CHECKOUT if _is_checkout() and Path(sys.argv[0]).name != INSTALLED else INSTALLED


def program_command(arguments: str) -> str:
    """Return a command of this program in backticks, for advice in messages."""
    return f"`{program()} {arguments}`"


def page(name: str) -> str:
    """Return where a page of the documentation is, for advice in messages; installed packages do not contain it."""
    return f"docs/{name}.md" + ("" if _is_checkout() else " in the source of exr-inspector")


def install_command(extra: str) -> str:
    """Return the command that installs an extra's packages; in a checkout, one to run there."""
    if _is_checkout():
        return f"pip install '.[{extra}]' in the checkout of exr-inspector"
    return f"pip install 'exr-inspector[{extra}]'"


def missing_package(what: str, package: str, extra: str) -> SettingsError:
    """Return the error for `what`, which needs a package of an extra."""
    return SettingsError(f"{what} needs the package {package.partition('.')[0]}: {install_command(extra)}")
