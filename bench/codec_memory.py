"""`./run bench codec_memory`: what decoding one chunk of each codec takes at most, in times of what it unpacks to.

A chunk of 32 MiB of noise is read in a process of its own; its peak is compared with that of the same samples stored raw, and
with what `exr_inspector.pixels.work` takes of the memory for decoding. More than that would be no bound.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import OpenEXR

from exr_inspector.exr.header.values import Compression
from exr_inspector.pixels.work import LIBRARY_SHARES

UNPACKED = 32 << 20
LINES = {"NO": 32, "ZIPS": 1, "RLE": 1, "ZIP": 16, "PXR24": 16, "DWAB": 256, "HTJ2K256": 256}  # 32 for the others
CODECS = ("NO", "RLE", "ZIPS", "ZIP", "PIZ", "PXR24", "B44", "DWAA", "DWAB", "HTJ2K32", "HTJ2K256", "LJ2K", "ZSTD")
TYPES = ("f2", "f4", "u4")
CHILD = """
import json, sys
from exr_inspector.inspector import Inspector
from exr_inspector.model import StatsMode
from exr_inspector.settings import load_settings
from exr_inspector.storage import SourceOpener
from exr_inspector.validation import builtin_policy

def peak(name):
    return [int(line.split()[1]) << 10 for line in open("/proc/self/status") if line.startswith(name)][0]

settings = load_settings({"EXR_MEMORY_MIB": "4096"}, secrets_dir=None)
inspector, before = Inspector.from_settings(settings, stats=StatsMode.FULL), peak("VmRSS")
found = inspector.inspect(SourceOpener(settings).open_url(sys.argv[1]), builtin_policy("default"))
print(json.dumps([peak("VmHWM") - before, len(found.pixels.faults)]))
"""


def peak(folder: Path, codec: str, kind: str) -> int:
    """Bytes that reading a chunk took at most beyond what the process had before."""
    lines = LINES.get(codec, 32)
    width = UNPACKED // (lines * 4 * np.dtype(kind).itemsize)
    noise = np.random.default_rng(1).integers(0, 30000, (lines, width), np.uint32)
    plane = noise.astype("u2").view("f2") if kind == "f2" else noise.astype(kind)
    path = folder / f"{codec}.exr"
    header = {"compression": getattr(OpenEXR, f"{codec}_COMPRESSION"), "type": OpenEXR.scanlineimage}
    OpenEXR.File(header, dict.fromkeys("RGBA", plane)).write(str(path))
    done = subprocess.run([sys.executable, "-c", CHILD, str(path)], capture_output=True, text=True, check=True)
    size, faults = json.loads(done.stdout)
    if faults:
        sys.exit(f"{codec} {kind}: the chunk was not decoded")
    return int(size)


def main() -> None:
    """Measure all codecs."""
    print(f"{'codec':10}{'type':>6}{'peak beyond raw, in chunks':>28}{'charged':>9}")
    with TemporaryDirectory() as folder:
        raw = {kind: peak(Path(folder), "NO", kind) for kind in TYPES}
        for codec in CODECS[1:]:
            for kind in TYPES:
                over = (peak(Path(folder), codec, kind) - raw[kind]) / UNPACKED
                charged = LIBRARY_SHARES.get(Compression[codec], 1)
                print(
                    f"{codec:10}{kind:>6}{over:28.1f}{charged:9}{'  TOO LITTLE' if over > charged + 1 else ''}",
                    flush=True,
                )


if __name__ == "__main__":
    main()
