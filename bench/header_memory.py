"""`./run bench header_memory`: peak memory of large headers, tables and manifests, against the memory reserved for them.

Each file is inspected, and its rows are created, in a separate process. The increase of the peak is compared with the memory
that the file reserved from the budget (`exr_inspector.memory`). The exit code is 1 if it reserved too little.
"""

from __future__ import annotations

import json
import os
import struct
import sys
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from bench._child import measured
from tests.support import exrbytes as ex
from tests.support.exrbytes import Attr, Channel, Part

SIZE = 6 << 20
CHILD = """
import json, sys
from pathlib import Path
from bench._child import memory
from exr_inspector.catalog.rows.groups import prepare
from exr_inspector.inspector import Inspector
from exr_inspector.settings import load_settings
from exr_inspector.storage import SourceOpener
from exr_inspector.validation import builtin_policy

settings = load_settings({"EXR_MEMORY_MIB": "8192"}, secrets_dir=None)
inspector, opener, policy = Inspector.from_settings(settings), SourceOpener(settings), builtin_policy("default")
prepare([inspector.inspect(opener.open_url(sys.argv[1]), policy)])
Path("/proc/self/clear_refs").write_text("5")
before, own = memory("VmRSS"), inspector.memory.file()
found = inspector.inspect(opener.open_url(sys.argv[2]), policy, memory=own)
rows = prepare([found])
print(json.dumps([memory("VmHWM") - before, own.asked, found.error_code]))
"""


def _with(*attributes: Attr) -> bytes:
    return ex.build([Part(extra=list(attributes))])


def _strings(text: bytes, size: int) -> bytes:
    return (struct.pack("<i", len(text)) + text) * (size // (4 + len(text)))


CASES: dict[str, Callable[[], bytes]] = {
    "floats": lambda: _with(Attr("a", "floatvector", os.urandom(SIZE))),
    "unknown type": lambda: _with(Attr("a", "other", os.urandom(SIZE))),
    "preview": lambda: _with(Attr("preview", "preview", struct.pack("<II", SIZE // 4, 1) + b"\x7f" * SIZE)),
    "text": lambda: _with(Attr("a", "string", b"a" * SIZE)),
    "control characters": lambda: _with(Attr("a", "string", b"\1" * SIZE)),
    "no UTF-8": lambda: _with(Attr("a", "string", b"\xff" * SIZE)),
    "empty strings": lambda: _with(Attr("a", "stringvector", _strings(b"", SIZE))),
    "short strings": lambda: _with(Attr("a", "stringvector", _strings(b"ab", SIZE))),
    "Cryptomatte manifest": lambda: _with(
        Attr("cryptomatte/0123456/name", "string", b"object"),
        Attr(
            "cryptomatte/0123456/manifest",
            "string",
            json.dumps({f"n{n:07}": f"{n:08x}" for n in range(SIZE // 24)}).encode(),
        ),
    ),
    "attributes": lambda: _with(*(Attr(f"a{n}", "int", b"\0\0\0\0") for n in range(150_000))),
    "standard attributes": lambda: _with(*(Attr("pixelAspectRatio", "float", b"\0\0\x80?") for _ in range(150_000))),
    "channels": lambda: ex.build([Part(channels=[Channel(f"c{n}") for n in range(30_000)], data_window=(0, 0, 0, 0))]),
    "parts": lambda: ex.build([Part(name=f"p{n}", data_window=(0, 0, 0, 0)) for n in range(4_000)]),
    "table": lambda: ex.build([Part(channels=[Channel("Y")], data_window=(0, 0, 0, 99_999))]),
}


def main() -> None:
    """Measure all cases."""
    print(f"{'file':22}{'MB':>7}{'peak MB':>9}{'asked MB':>10}")
    is_enough = True
    with TemporaryDirectory() as folder:
        small, path = Path(folder) / "small.exr", Path(folder) / "large.exr"
        small.write_bytes(ex.build([Part()]))
        for name, made in CASES.items():
            data = made()
            path.write_bytes(data)
            peak, asked, code = measured(name, CHILD, small, path)
            if code:
                sys.exit(f"{name}: {code}")
            is_enough &= peak <= asked
            result = "" if peak <= asked else "  TOO LITTLE"
            print(f"{name:22}{len(data) / 1e6:7.1f}{peak / 1e6:9.0f}{asked / 1e6:10.0f}{result}", flush=True)
    sys.exit(0 if is_enough else 1)


if __name__ == "__main__":
    main()
