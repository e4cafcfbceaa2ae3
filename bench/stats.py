"""`./run bench stats`: cost of statistics, as ratios to OpenImageIO and to decoding alone, in one run.

Frames are written first (4096 x 2160, 8 channels of HALF and 40 of mixed types; 7 codecs; scan lines and tiles) and kept in
`--folder` (9 GB for all). Runs are interleaved and the best of several counts, because other load can only make a run longer.
Parts of the matrix can be selected (`--channels 40 --codecs none zips`).

    frames          only writes the frames
    in process      against `ImageBuf.read` + `computePixelStats`, and against the same pass without statistics
    whole process   against the native `oiiotool --stats`: time and peak memory
    memory          peak of a process at 4K, 8K and 16K
    sampled         bytes, requests and time against a full pass
    isolated        a full pass with decoding in separate processes, against the same in this process (goal: at most 1.10)
    thumbnails      a full pass with a thumbnail against the same pass without
"""

from __future__ import annotations

import argparse
import contextlib
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from tempfile import gettempdir
from unittest.mock import patch

import OpenImageIO

from bench._stats_frames import CODECS, LAYOUTS, frame, large_frame
from exr_inspector.exr.file_bytes import Answer, Ranges, answer_requests
from exr_inspector.exr.probe import probe
from exr_inspector.model import PixelReport, StatsMode, Thumbnails
from exr_inspector.pixels.boxes import BoxAdder
from exr_inspector.pixels.budget import DecodeBudget
from exr_inspector.pixels.figures import LevelFigures
from exr_inspector.pixels.isolation import DecoderPool
from exr_inspector.pixels.reader import PixelConfig, PixelFile, read_pixels
from exr_inspector.pixels.thumbnails import PictureSums
from exr_inspector.settings import load_settings
from exr_inspector.storage import RangeSource, SourceOpener

PARTS = ("frames", "in-process", "whole-process", "memory", "sampled", "isolated", "thumbnails")
OIIOTOOL = Path(OpenImageIO.__file__).parent / "bin" / "oiiotool"


def report(
    source: RangeSource,
    budget: DecodeBudget,
    mode: StatsMode = StatsMode.FULL,
    decoders: DecoderPool | None = None,
    config: PixelConfig | None = None,
) -> PixelReport:
    """Read the header and the statistics of one object."""

    def read(ranges: Ranges) -> Answer:
        pieces = source.read_many(ranges, coalesce_bytes=0)
        return Answer(pieces, source.version.size_bytes if source.version else 0)

    probed = answer_requests(probe(first_bytes=1 << 18), read)
    if probed.header is None or probed.error is not None:
        sys.exit(f"{source.path}: {probed.error}")
    size = source.version.size_bytes if source.version else 0
    file = PixelFile(source, probed.header, probed.located, probed.tables, probed.states, size, budget, decoders)
    found = read_pixels(file, mode=mode, config=config)
    if found.faults or found.stopped:
        sys.exit(f"{source.path}: {len(found.faults)} faults {found.stopped}")
    return found


def _fresh_report(
    opener: SourceOpener, path: Path, budget: DecodeBudget, decoders: DecoderPool | None = None
) -> PixelReport:
    return report(opener.open(path.parent.name, path.name), budget, decoders=decoders)


def seconds(work: Callable[[], object]) -> float:
    """The seconds of one call."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def theirs(path: Path) -> None:
    """Compute the same statistics with OpenImageIO's Python module."""
    buffer = OpenImageIO.ImageBuf(str(path))
    if not buffer.read():
        raise RuntimeError(buffer.geterror())
    OpenImageIO.ImageBufAlgo.computePixelStats(buffer)


def decode_only(opener: SourceOpener, path: Path, budget: DecodeBudget) -> float:
    """The seconds of the same pass without statistics: it reads and decodes everything."""
    with patch.object(
        LevelFigures, "add", lambda figures, block, *_: setattr(figures, "chunks_read", len(block.places))
    ):
        return seconds(partial(_fresh_report, opener, path, budget))


def in_process(opener: SourceOpener, budget: DecodeBudget, paths: list[Path], runs: int) -> None:
    """Compare the time with OpenImageIO and with decoding alone; prints a line for each frame, then the medians."""
    print(f"{'frame':28}{'ours s':>9}{'oiio s':>9}{'ratio':>8}{'decode s':>10}{'ours/decode':>13}")
    ratios, over_decoding = [], []
    # The first call imports modules, starts threads and allocates buffers, so it is not measured.
    _fresh_report(opener, paths[0], budget)
    theirs(paths[0])
    for path in paths:
        found = [
            (
                seconds(partial(_fresh_report, opener, path, budget)),
                seconds(partial(theirs, path)),
                decode_only(opener, path, budget),
            )
            for _ in range(runs)
        ]
        ours, oiio, decode = map(min, zip(*found, strict=True))
        ratios.append(ours / oiio)
        over_decoding.append(ours / decode)
        print(
            f"{path.stem:28}{ours:9.3f}{oiio:9.3f}{ratios[-1]:8.2f}{decode:10.3f}{over_decoding[-1]:13.2f}", flush=True
        )
    print(f"ratio: median {statistics.median(ratios):.2f} (goal 0.67), largest {max(ratios):.2f} (0.90)")
    print(f"ours/decode: median {statistics.median(over_decoding):.2f} (aim 1.30), largest {max(over_decoding):.2f}")


# A process inherits the peak memory of its parent, so a small process starts the measured one.
LAUNCHER = """
import os, subprocess, sys, time
started = time.perf_counter()
child = subprocess.Popen(sys.argv[1:], stdout=subprocess.DEVNULL)
_, status, usage = os.wait4(child.pid, 0)
print(time.perf_counter() - started, usage.ru_maxrss / 1024)
sys.exit(os.waitstatus_to_exitcode(status))
"""


def process(command: list[str], environment: dict[str, str] | None = None) -> tuple[float, float]:
    """Run a process; returns its seconds and peak megabytes."""
    launched = [sys.executable, "-S", "-c", LAUNCHER, *command]
    done = subprocess.run(
        launched, capture_output=True, text=True, check=False, env={**os.environ, **(environment or {})}
    )
    if done.returncode:
        sys.exit(f"{command[0]}: exit {done.returncode}: {done.stderr}")
    taken, peak = done.stdout.split()
    return float(taken), float(peak)


def ourselves(path: Path) -> tuple[float, float]:
    """Measure our whole process: start, import, read, print."""
    return process([sys.executable, "-m", "bench.stats", "--one", str(path)], {"OPENBLAS_NUM_THREADS": "1"})


def whole_process(paths: list[Path], runs: int) -> None:
    """Compare time and memory with the native oiiotool."""
    if not OIIOTOOL.is_file():
        print("no native oiiotool in this wheel: nothing to compare with")
        return
    print(f"\n{'whole process':28}{'ours s':>9}{'tool s':>9}{'ratio':>8}{'ours MB':>9}{'tool MB':>9}{'ratio':>8}")
    for path in paths:
        pairs = [(ourselves(path), process([str(OIIOTOOL), "--stats", str(path)])) for _ in range(runs)]
        ours, tool = (tuple(min(pair[side][k] for pair in pairs) for k in (0, 1)) for side in (0, 1))
        print(
            f"{path.stem:28}{ours[0]:9.3f}{tool[0]:9.3f}{ours[0] / tool[0]:8.2f}"
            f"{ours[1]:9.0f}{tool[1]:9.0f}{ours[1] / tool[1]:8.2f}",
            flush=True,
        )
    print("goals: time 1.00, memory 0.50 on the 40-channel frame")


def memory(folder: Path) -> None:
    """Print the peak memory for growing images."""
    print(f"\n{'peak memory':28}{'pixels':>14}{'file MB':>9}{'peak MB':>9}")
    for width, height in ((4096, 2160), (7680, 4320), (15360, 8640)):
        path = large_frame(folder, width, height)
        _, peak = ourselves(path)
        print(f"{path.stem:28}{f'{width} x {height}':>14}{path.stat().st_size >> 20:9}{peak:9.0f}", flush=True)


def sampled(opener: SourceOpener, budget: DecodeBudget, paths: list[Path], runs: int) -> None:
    """Compare a sample with a full pass: bytes, requests and time."""
    print(f"\n{'sampled':28}{'file MB':>9}{'bytes':>9}{'requests':>10}{'coverage':>10}{'of full time':>14}")
    for path in paths:
        full, short = [], []
        for _ in range(runs):
            full.append(seconds(partial(_fresh_report, opener, path, budget)))
            source = opener.open(path.parent.name, path.name)
            started = time.perf_counter()
            found = report(source, budget, StatsMode.SAMPLED)
            short.append(time.perf_counter() - started)
        size = path.stat().st_size
        cost = source.cost
        read = cost.bytes_read - (1 << 18)  # without the bytes of the header, which both read
        print(
            f"{path.stem:28}{size >> 20:9}{read / size:9.2%}{cost.requests - 1:10}"
            f"{found.channels[0].coverage:10.2%}{min(short) / min(full):14.3f}",
            flush=True,
        )


def isolated(opener: SourceOpener, budget: DecodeBudget, paths: list[Path], runs: int) -> None:
    """Compare a full pass that decodes in separate processes with one that decodes in this process."""
    print(f"\n{'isolated':28}{'here s':>9}{'isolated s':>12}{'ratio':>8}")
    ratios = []
    with contextlib.closing(DecoderPool(memory_bytes=1 << 30, cpu_seconds=60)) as decoders:
        for path in paths:
            pairs = []
            for _ in range(runs + 1):  # the first call starts the processes
                here = seconds(partial(_fresh_report, opener, path, budget))
                pairs.append((here, seconds(partial(_fresh_report, opener, path, budget, decoders))))
            here, there = (min(pair[side] for pair in pairs) for side in (0, 1))
            ratios.append(there / here)
            print(f"{path.stem:28}{here:9.3f}{there:12.3f}{there / here:8.2f}", flush=True)
    print(f"ratio: median {statistics.median(ratios):.2f}, largest {max(ratios):.2f} (goal 1.10)")


def thumbnails(opener: SourceOpener, budget: DecodeBudget, paths: list[Path], runs: int) -> None:
    """Print the share of a thumbnail in the CPU time of a full pass as `check` makes it, by timing the thumbnail's code.

    Comparing passes with and without a thumbnail would not work: two runs on a busy machine differ by more than its share.
    """
    spent: list[float] = []

    def timed(work: Callable[..., object]) -> Callable[..., object]:
        def run(*arguments: object, **named: object) -> object:
            started = time.thread_time()
            done = work(*arguments, **named)
            spent.append(time.thread_time() - started)
            return done

        return run

    config = PixelConfig(hash_file=True, hash_pixels=True, with_zeros=True, thumbnails=Thumbnails.FILE)
    print(f"\n{'thumbnail':28}{'its s':>9}{'all s':>9}{'share':>8}")
    with contextlib.ExitStack() as stack:
        for kind, name in ((BoxAdder, "add"), (PictureSums, "put"), (PictureSums, "result")):
            stack.enter_context(patch.object(kind, name, timed(getattr(kind, name))))
        for path in paths:
            found = []
            for _ in range(runs + 1):  # the first call imports Pillow
                spent.clear()
                started = time.process_time()
                report(opener.open(path.parent.name, path.name), budget, config=config)
                found.append((sum(spent), time.process_time() - started))
            own, every = map(min, zip(*found[1:], strict=True))
            print(f"{path.stem:28}{own:9.3f}{every:9.3f}{own / every:8.3f}", flush=True)
    print("goal: 0.05")


def main() -> None:
    """Run the selected parts."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, default=Path(gettempdir()) / "exr-inspector-bench")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--codecs", nargs="+", choices=CODECS, default=list(CODECS))
    parser.add_argument("--channels", nargs="+", type=int, choices=(8, 40), default=[8, 40])
    parser.add_argument("--layouts", nargs="+", choices=LAYOUTS, default=list(LAYOUTS))
    parser.add_argument("--only", choices=PARTS)
    parser.add_argument(
        "--one", type=Path, help="statistics of one file, nothing else: what the whole-process part runs"
    )
    arguments = parser.parse_args()
    folder = arguments.one.parent if arguments.one else arguments.folder
    folder.mkdir(parents=True, exist_ok=True)
    settings = load_settings({"EXR_MOUNTS": f"{folder.name}={folder}"}, secrets_dir=None)
    workers = len(os.sched_getaffinity(0))
    OpenImageIO.attribute("threads", workers)
    with (
        contextlib.closing(SourceOpener(settings)) as opener,
        contextlib.closing(DecodeBudget(workers=workers, memory_bytes=1 << 30)) as budget,
    ):
        if arguments.one:
            for one in report(opener.open(folder.name, arguments.one.name), budget).channels:
                print(one.channel, one.minimum, one.maximum, one.mean, one.stddev, one.nan_count, one.inf_count)
            return
        wanted = [
            (codec, count, tiled)
            for count in arguments.channels
            for codec in arguments.codecs
            for tiled in (layout == "tiled" for layout in arguments.layouts)
        ]
        paths = [frame(folder, codec, count, tiled=tiled) for codec, count, tiled in wanted]
        scan_lines = [path for path in paths if "scan" in path.stem]
        if arguments.only in {None, "in-process"}:
            in_process(opener, budget, paths, arguments.runs)
        if arguments.only in {None, "whole-process"}:
            whole_process([path for path in scan_lines if path.stem.startswith("40")], arguments.runs)
        if arguments.only in {None, "memory"}:
            memory(folder)
        if arguments.only in {None, "sampled"}:
            sampled(opener, budget, scan_lines, arguments.runs)
        if arguments.only in {None, "isolated"}:
            isolated(opener, budget, paths, arguments.runs)
        if arguments.only in {None, "thumbnails"}:
            thumbnails(opener, budget, paths, arguments.runs)


if __name__ == "__main__":
    main()
