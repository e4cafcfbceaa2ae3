"""`diff`: compares two files, or the frames of two sequences."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from exr_inspector.delivery.diff import FileDiff, diff_files, pairs
from exr_inspector.errors import ArgumentError, PatternError
from exr_inspector.inspector import Inspector
from exr_inspector.library.arguments import path_text, truth, wrong
from exr_inspector.library.reading import settings_for
from exr_inspector.model import StatsMode
from exr_inspector.pixels.difference import DifferencePicture
from exr_inspector.pixels.thumbnails import require_encoder
from exr_inspector.report.write import write_file
from exr_inspector.storage import SourceOpener

_FORMS = {".webp": "WEBP", ".png": "PNG"}


def diff(
    one: str | os.PathLike[str],
    other: str | os.PathLike[str],
    *,
    threshold: float = 0.0,
    header: bool = True,
    picture: str | os.PathLike[str] | None = None,
    settings: Mapping[str, str] | None = None,
) -> Iterator[FileDiff]:
    """Compare two files, the files of two patterns frame by frame, or those of two folders by name.

    Args:
        one: A file, folder, pattern or URL.
        other: What to compare it with.
        threshold: Samples that differ by at most this much count as equal.
        header: Whether attributes are compared.
        picture: A .webp or .png file for a picture of the differences of two files; needs Pillow.
        settings: As in `inspect`.

    Yields:
        A comparison for each pair. A file without a counterpart, or that cannot be read, is described by `trouble`.

    Raises:
        ExrInspectorError: A target does not exist or cannot be listed; if `retryable`, a store did not answer.
        ArgumentError: The picture cannot be written there.
        SettingsError: A setting is wrong.
        PatternError: A picture is requested for several pairs.
    """
    target = None if picture is None else _target(Path(path_text("picture", picture)))
    names = [path_text("one", one), path_text("other", other)]
    if not isinstance(threshold, (int, float)) or isinstance(threshold, bool) or not threshold >= 0:
        raise wrong("threshold", "a number of at least 0", threshold)
    truth("header", header)
    complete_settings = settings_for(names, settings)
    with closing(SourceOpener(complete_settings)) as opener:
        inspector = Inspector.from_settings(complete_settings, stats=StatsMode.OFF, is_isolated=True)
        found = pairs(opener, *names)
        if target is not None and len(found) > 1:
            raise PatternError(
                f"a picture is of two files, but these are {len(found)} pairs: name one file of each side"
            )
        for left, right in found:
            if left is None or right is None:
                missing = "the first" if left is None else "the second"
                yield FileDiff(left or "", right or "", trouble=f"there is no such file on {missing} side")
                continue
            shown = None if target is None else DifferencePicture()
            result = diff_files(opener, inspector, left, right, threshold=threshold, header=header, picture=shown)
            yield result if shown is None or target is None or result.trouble else _with_picture(result, shown, target)


def _target(path: Path) -> Path:
    """The path of the picture, whose folder must exist."""
    if path.suffix.lower() not in _FORMS:
        raise ArgumentError(f"{path}: expected a picture's name that ends in .webp or .png")
    if not path.parent.is_dir():
        raise ArgumentError(f"{path}: there is no folder {path.parent}")
    require_encoder("a picture")
    return path


def _with_picture(result: FileDiff, shown: DifferencePicture, target: Path) -> FileDiff:
    image = shown.result()
    if image is None:
        return replace(
            result,
            trouble="no picture was made: what a thumbnail of the first file shows was not compared with the second",
        )
    write_file(target, image.encoded(_FORMS[target.suffix.lower()]))
    height, width = image.pixels.shape[:2]
    words = (
        f"{target}: {width} x {height}, absolute difference of {', '.join(image.channels)} times {image.factor:.6g}: white is"
        f" {1 / image.factor:.6g}, magenta could not be compared"
    )
    return replace(result, picture=words)
