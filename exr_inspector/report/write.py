"""Writes reports so that each file is complete or unchanged, even if writing fails."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")
_NAME_CHARACTERS = 100


def write_file(target: Path, content: bytes) -> None:
    """Write a file under a temporary name, then rename it.

    Raises:
        OSError: It cannot be written.
    """
    with _naming(target):
        _write_under_another_name(target, content)


def _write_under_another_name(target: Path, content: bytes) -> None:
    unfinished = target.with_name(f".report-{uuid4().hex}")
    try:
        with unfinished.open("xb") as file:
            file.write(content)
        unfinished.replace(target)
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise


@contextmanager
def staged_folder(target: Path) -> Iterator[Path]:
    """A temporary folder, whose files are moved into `target` if the block ends without an error.

    Raises:
        OSError: A folder cannot be created, or a file cannot be moved.
    """
    with _naming(target), tempfile.TemporaryDirectory(prefix=".report-", dir=target.parent) as name:
        yield Path(name)
        target.mkdir(exist_ok=True)
        for path in Path(name).iterdir():
            path.replace(target / path.name)


@contextmanager
def _naming(target: Path) -> Iterator[None]:
    """Make errors of the system name the target instead of a temporary file."""
    try:
        yield
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(target)) from error


def page_names(titles: Iterable[str]) -> list[str]:
    """A unique file name for the page of each sequence, from its pattern with characters that all file systems accept."""
    taken: set[str] = set()
    names = []
    for title in titles:
        stem = _UNSAFE.sub("_", title.removesuffix(".exr")).strip("._")[-_NAME_CHARACTERS:] or "sequence"
        name, count = f"{stem}.html", 1
        while name.lower() in taken or name.lower() == "index.html":
            count += 1
            name = f"{stem}-{count}.html"
        taken.add(name.lower())
        names.append(name)
    return names
