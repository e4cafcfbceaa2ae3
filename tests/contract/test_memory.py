"""Twenty threads read files that need as much memory as possible: the process keeps its budget, and all files are done."""

from __future__ import annotations

import json
import os
import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import OpenEXR
import pytest

from tests.support import exrbytes as ex
from tests.support.exrbytes import Attr, Channel, Part
from tests.support.exrbytes_idmanifest import ManifestGroup

ROOT = Path(__file__).resolve().parents[2]
BUDGET_MIB = 96  # 24 for headers and rows
BESIDE_MIB = 96  # memory that the allocators of 20 threads and the OpenEXR library's threads keep
CHILD = """
import json, sys, threading
from dataclasses import replace
from pathlib import Path
from exr_inspector.catalog.rows.groups import prepare
from exr_inspector.deadline import Deadline
from exr_inspector.inspector import Inspector
from exr_inspector.model import StatsMode
from exr_inspector.settings import load_settings
from exr_inspector.storage import SourceOpener
from exr_inspector.validation import builtin_policy

def memory(name):
    return [int(line.split()[1]) >> 10 for line in open("/proc/self/status") if line.startswith(name)][0]

budget, first, *names = sys.argv[1:]
settings = load_settings({"EXR_MEMORY_MIB": budget}, secrets_dir=None)
inspector, opener = Inspector.from_settings(settings, stats=StatsMode.FULL), SourceOpener(settings)
light = Inspector(replace(inspector.config, stats=StatsMode.OFF), memory=inspector.memory)
policy = builtin_policy("default")
prepare([inspector.inspect(opener.open_url(first), policy)])
before = memory("VmRSS")
found = []

def work(number):
    name = names[number % len(names)]
    deadline = Deadline.after(120)
    with inspector.memory.file(deadline) as own:
        reader = inspector if name.endswith("frame.exr") else light
        inspection = reader.inspect(opener.open_url(name), policy, deadline=deadline, memory=own)
        prepare([inspection])
        found.append((Path(name).stem, inspection.error_code))

threads = [threading.Thread(target=work, args=(number,)) for number in range(20)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print(json.dumps([memory("VmHWM") - before, inspector.memory.files.used, found]))
"""
FILES: dict[str, Callable[[], bytes]] = {
    "floats": lambda: ex.build([Part(extra=[Attr("a", "floatvector", os.urandom(1 << 20))])]),
    "text": lambda: ex.build([Part(extra=[Attr("a", "string", b"\1" * (900 << 10))])]),
    "strings": lambda: ex.build([Part(extra=[Attr("a", "stringvector", (struct.pack("<i", 2) + b"ab") * 120_000)])]),
    "channels": lambda: ex.build([Part(channels=[Channel(f"c{n}") for n in range(10_000)], data_window=(0, 0, 0, 0))]),
    "table": lambda: ex.build([Part(channels=[Channel("Y")], data_window=(0, 0, 0, 9_999))]),
    "manifest": lambda: ex.build(
        [Part(extra=[ex.a_idmanifest([ManifestGroup(["id"], ["name"], {n: ["a"] for n in range(30_000)})])])]
    ),
    "too_large": lambda: ex.build([Part(extra=[Attr("a", "floatvector", os.urandom(4 << 20))])]),
}


@pytest.mark.heavy
def test_twenty_threads_stay_within_the_memory_of_the_process(tmp_path: Path) -> None:
    names = []
    for name, made in FILES.items():
        names.append(tmp_path / f"{name}.exr")
        names[-1].write_bytes(made())
    frame = {name: np.full((540, 4096), 0.5, np.float16) for name in "RGBA"}
    header = {"compression": OpenEXR.PIZ_COMPRESSION, "type": OpenEXR.scanlineimage}
    OpenEXR.File(header, frame).write(str(tmp_path / "frame.exr"))
    first = ROOT / "samples" / "tiled.exr"
    arguments = [str(BUDGET_MIB), str(first), *map(str, names), str(tmp_path / "frame.exr")]
    done = subprocess.run(
        [sys.executable, "-c", CHILD, *arguments], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    peak, used, found = json.loads(done.stdout.splitlines()[-1])
    assert len(found) == 20
    assert {name for name, code in found if code == "LIMIT_EXCEEDED"} == {"too_large"}
    assert {code for _, code in found} == {None, "LIMIT_EXCEEDED"}
    assert used == 0
    assert peak <= BUDGET_MIB + BESIDE_MIB
