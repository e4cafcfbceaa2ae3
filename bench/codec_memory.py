"""`./run bench codec_memory`: peak memory of decoding one chunk with each codec, as a multiple of its unpacked size.

A chunk of 16 MiB of noise is decoded in a separate process by the code that the function runs. The peak beyond the packed
bytes, which are reserved when they are read, is compared with what `exr_inspector.pixels.work` reserves for decoding; the
in-memory file that the library opens is included. It takes two minutes on an idle core; the exit code is 1 if too little is
reserved.
"""

from __future__ import annotations

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import OpenEXR

from bench._child import measured
from exr_inspector.exr.header.values import LINES_PER_CHUNK, Compression

UNPACKED = 16 << 20
CODECS = {"NO": "NONE", **{code.name: code.name for code in Compression if code.name != "NONE"}}
LOW = {"DWAB": (1, 4, 32), "HTJ2K256": (1, 8, 32), "HTJ2K32": (1, 8), "LJ2K": (1, 8, 32)}  # lines of the smaller chunks
TYPES = {"f2": "HALF", "f4": "FLOAT", "u4": "UINT"}
CHILD = """
import json, sys
from pathlib import Path
from bench._child import memory
from exr_inspector.exr.chunks.layout import part_layout
from exr_inspector.exr.chunks.leaders import parse_leader
from exr_inspector.exr.chunks.tables import read_tables
from exr_inspector.exr.header.parser import parse_header
from exr_inspector.pixels.budget import DecodeBudget
from exr_inspector.pixels.work import StripWork, decode_strip, needs_of

data = Path(sys.argv[1]).read_bytes()
header = parse_header(data)
layout = part_layout(header.parts[0])
table = read_tables(data, header, [layout], len(data))[0]
leader = parse_leader(data, int(table.offsets[0]), layout, False)
packed = data[leader.data_offset : leader.end]
budget, work = DecodeBudget(workers=1, memory_bytes=1 << 31), StripWork(0, 0, layout, (0,), picks=1 << 19)
Path("/proc/self/clear_refs").write_text("5")
before = memory("VmRSS")
chunks = work.chunks([packed])
figures = decode_strip(work, chunks, budget, decoded=lambda: None)
in_file = len(packed) if layout.compression else 0
found = memory("VmHWM") - before + in_file, len(packed), needs_of(layout, chunks).bytes
print(json.dumps([found, [fault.message for fault in figures.faults]]))
"""


def peak(folder: Path, codec: str, kind: str, lines: int) -> tuple[int, int, int]:
    """Decode a chunk in a separate process; returns the peak, the packed and the reserved bytes."""
    width = UNPACKED // (lines * 4 * np.dtype(kind).itemsize)
    noise = np.random.default_rng(1).integers(0, 3000, (lines, width), np.uint32)
    plane = noise.astype("u2").view("f2") if kind == "f2" else noise.astype(kind)
    path = folder / f"{codec}.exr"
    header = {"compression": getattr(OpenEXR, f"{codec}_COMPRESSION"), "type": OpenEXR.scanlineimage}
    OpenEXR.File(header, dict.fromkeys("RGBA", plane)).write(str(path))
    found, faults = measured(f"{codec} {kind}", CHILD, path)
    if faults:
        sys.exit(f"{codec} {kind}: the chunk was not decoded: {faults[0]}")
    return found[0], found[1], found[2]


def main() -> None:
    """Measure all codecs."""
    print(
        f"{'codec':10}{'lines':>7}{'type':>7}{'packed':>9}{'peak':>7}{'reserved':>10}   as multiples of the unpacked size"
    )
    is_enough = True
    with TemporaryDirectory() as folder:
        for codec, name in CODECS.items():
            for lines in (LINES_PER_CHUNK[Compression[name]], *LOW.get(codec, ())):
                for kind, title in TYPES.items():
                    size, packed, reserved = (found / UNPACKED for found in peak(Path(folder), codec, kind, lines))
                    is_enough &= size <= reserved
                    result = "" if size <= reserved else "  TOO LITTLE"
                    print(f"{name:10}{lines:7}{title:>7}{packed:9.2f}{size:7.2f}{reserved:10.2f}{result}", flush=True)
    sys.exit(0 if is_enough else 1)


if __name__ == "__main__":
    main()
