"""`diff`: what is different between two files, or between the frames of two sequences."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import closing

from exr_inspector.delivery.diff import FileDiff, diff_files, pairs
from exr_inspector.inspector import Inspector
from exr_inspector.library.reading import settings_for
from exr_inspector.model import StatsMode
from exr_inspector.storage import SourceOpener


def diff(
    one: str | os.PathLike[str],
    other: str | os.PathLike[str],
    *,
    threshold: float = 0.0,
    header: bool = True,
    settings: Mapping[str, str] | None = None,
) -> Iterator[FileDiff]:
    """Compare two files, or the files of two patterns frame by frame, or of two folders name by name.

    Args:
        one: A file, folder, pattern or URL.
        other: What to compare it with.
        threshold: Samples that differ by no more are the same.
        header: Whether attributes are compared.
        settings: As in `inspect`.

    Yields:
        A comparison for each pair; a file without a partner, or that cannot be read, is `trouble`.

    Raises:
        ExrInspectorError: A target cannot be found or listed; or with `retryable`, a store did not answer.
        SettingsError: A setting is wrong.
    """
    names = [os.fspath(one), os.fspath(other)]
    complete_settings = settings_for(names, settings)
    with closing(SourceOpener(complete_settings)) as opener:
        inspector = Inspector.from_settings(complete_settings, stats=StatsMode.OFF, is_isolated=True)
        for left, right in pairs(opener, *names):
            if left is None or right is None:
                missing = "the first" if left is None else "the second"
                yield FileDiff(left or "", right or "", trouble=f"there is no such file on {missing} side")
            else:
                yield diff_files(opener, inspector, left, right, threshold=threshold, header=header)
