"""`check`: checks whether deliveries are complete and clean."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping

from exr_inspector.delivery.check import check_files
from exr_inspector.library.arguments import frame_ranges, target_names
from exr_inspector.library.reading import Stats, check_session, settings_for
from exr_inspector.library.results import Check


def check(
    targets: str | os.PathLike[str] | Iterable[str | os.PathLike[str]],
    *,
    frames: tuple[int, int] | str | None = None,
    stats: Stats = "full",
    policy: str = "default",
    settings: Mapping[str, str] | None = None,
) -> Check:
    """Check files and their sequences: headers, chunks, pixels, missing frames and frames that differ from the others.

    Args:
        targets: One target or several: files, folders, patterns, URLs; see `inspect_all`.
        frames: First and last frame that every sequence must have, or a text such as `1001-1010,1020-1040x2`; None for the
            first and last that exist.
        stats: Which pixels to read: `off`, `sampled` or `full`.
        policy: Profile, YAML file or s3:// URL.
        settings: As in `inspect`.

    Returns:
        The sequences with their findings and the frames to render again, and the files that are not frames.

    Raises:
        PolicyError: There is no such policy, or it is wrong.
        SettingsError: A setting is wrong.
    """
    names, wanted = target_names(targets), frame_ranges(frames)
    complete_settings = settings_for([*names, policy], settings, stats=stats)
    with check_session(complete_settings, stats=stats, policy=policy) as made:
        found = check_files(names, opener=made.opener, inspector=made.inspector, policy=made.policy, frames=wanted)
    return Check.of(found)
