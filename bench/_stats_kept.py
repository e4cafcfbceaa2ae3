"""What `bench.stats` found of each frame, kept beside it, so that a matrix can be measured in pieces and shown as a whole."""

from __future__ import annotations

import json
import statistics
import sys
from pathlib import Path

from bench._stats_frames import LAYOUTS

HEADING = f"{'frame':28}{'ours s':>9}{'oiio s':>9}{'ratio':>8}{'decode s':>10}{'ours/decode':>13}{'figures':>9}"


def keep(path: Path, found: dict[str, float]) -> None:
    """Keep the seconds of one frame: ours, OpenImageIO's and those of decoding alone."""
    path.with_suffix(".json").write_text(json.dumps(found), encoding="utf-8")


def line_of(path: Path, found: dict[str, float]) -> str:
    """What was found of one frame."""
    ours, oiio, decode = found["ours"], found["oiio"], found["decode"]
    share = max(0.0, 1 - decode / ours)
    return f"{path.stem:28}{ours:9.3f}{oiio:9.3f}{ours / oiio:8.2f}{decode:10.3f}{ours / decode:13.2f}{share:9.0%}"


def verdict(found: list[dict[str, float]]) -> None:
    """Medians and worst ratios of some frames."""
    ratios, over = ([one["ours"] / one[other] for one in found] for other in ("oiio", "decode"))
    print(
        f"ratio of {len(found)} frames: median {statistics.median(ratios):.2f} (goal 0.67), worst {max(ratios):.2f} (0.90)"
    )
    print(f"ours/decode: median {statistics.median(over):.2f} (aim 1.30), worst {max(over):.2f}")


def summary(folder: Path) -> None:
    """What was found of all frames so far, piece by piece: channels and layout, then all."""
    kept = {path: json.loads(path.read_text(encoding="utf-8")) for path in sorted(folder.glob("*ch_*_*.json"))}
    if not kept:
        sys.exit("nothing was measured in process yet")
    print(HEADING)
    for path, found in kept.items():
        print(line_of(path, found))
    pieces = [f"{count}ch_{layout}" for count in (8, 40) for layout in LAYOUTS]
    for piece in [*pieces, "8ch", "40ch", ""]:
        count, _, layout = piece.partition("_")
        members = [v for path, v in kept.items() if path.stem.startswith(count) and path.stem.endswith(layout)]
        if members:
            print(f"\n{piece or 'all'}")
            verdict(members)
