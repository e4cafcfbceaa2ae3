#!/usr/bin/env python3
"""Writes the sample files, `expected.json` and `README.md` into this folder, the same bytes on every run.

    python samples/make_samples.py            write them
    python samples/make_samples.py --check    say which differ from what would be written; exit 1 if any does

Needs the OpenEXR module (3.5.3, Python 3.11 or newer), numpy and mmh3. The lossy codecs compute in floating point, so
another kind of processor may write other bytes for them.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path

from sample import Sample
from sample_damaged import damaged
from sample_images import cryptomatte, deep_data, geometry, parts_and_layers, pixel_content, storage
from sample_metadata import rich, sequence

FOLDER = Path(__file__).resolve().parent
GROUPS = {
    "Storage, pixel types, compressions": storage,
    "Windows and sampling": geometry,
    "Views, parts and layers": parts_and_layers,
    "Deep data": deep_data,
    "Cryptomatte": cryptomatte,
    "Pixel content": pixel_content,
    "Metadata": rich,
    "A sequence": sequence,
    "Damaged, unfinished, foreign": damaged,
}
INTRODUCTION = """# Samples

Small OpenEXR files with one property each. `make_samples.py` writes them, this page and `expected.json`; they have the
project's own licence. `python samples/make_samples.py --check` compares the folder with what the script writes.

The last columns are the results that exr-inspector must report. A file whose header can be read has status `inspected`,
even if chunks are missing (`is_complete` is then false). A file whose header cannot be read, or does not define the chunk
layout, has status `failed` and an error code. `expected.json` has the same results and more for programs: parts, channels
and pixel types, size, compression and storage; a value is null if the file does not define it.
"""


def all_samples() -> dict[str, list[Sample]]:
    """Every sample by group, in the order of the page."""
    return {title: list(make()) for title, make in GROUPS.items()}


def expected_json(groups: Mapping[str, list[Sample]]) -> str:
    """The expectations by key."""
    table = {sample.key: asdict(sample.expected) for samples in groups.values() for sample in samples}
    return json.dumps(table, indent=1, ensure_ascii=False, sort_keys=True) + "\n"


def _rows(samples: list[Sample]) -> Iterator[str]:
    for sample in samples:
        said = sample.expected
        complete = {True: "complete", False: "**not complete**", None: "unknown"}[said.is_complete]
        result = f"`{said.error_code}`" if said.error_code else complete
        yield f"| `{sample.key}` | {sample.trait} | {said.status} | {result} |"


def readme(groups: Mapping[str, list[Sample]]) -> str:
    """The page."""
    lines = [INTRODUCTION]
    for title, samples in groups.items():
        lines += [
            f"## {title}",
            "",
            "| file | trait | status | chunks or error |",
            "|---|---|---|---|",
            *_rows(samples),
            "",
        ]
    return "\n".join(lines)


def contents() -> dict[str, bytes]:
    """Every file this script is responsible for, by path in the folder."""
    groups = all_samples()
    files = {sample.key: sample.data for samples in groups.values() for sample in samples}
    return {**files, "expected.json": expected_json(groups).encode(), "README.md": readme(groups).encode()}


def differences(files: Mapping[str, bytes], folder: Path) -> list[str]:
    """What is missing, different, or an EXR nobody asked for."""
    found = []
    for key, data in files.items():
        path = folder / key
        if not path.is_file():
            found.append(f"{key}: missing")
        elif path.read_bytes() != data:
            found.append(f"{key}: differs")
    strays = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.exr"))
    return found + [f"{key}: not one of ours" for key in strays if key not in files]


def main() -> int:
    """Write or check."""
    parser = argparse.ArgumentParser(description="Write the sample EXR files, or check those that are there.")
    parser.add_argument("--check", action="store_true", help="write nothing, report differences")
    parser.add_argument("--folder", type=Path, default=FOLDER, help="where the files are (default: beside the script)")
    arguments = parser.parse_args()
    files = contents()
    if arguments.check:
        found = differences(files, arguments.folder)
        print("\n".join(found) if found else f"{len(files)} files are as they should be")
        return 1 if found else 0
    for key, data in files.items():
        path = arguments.folder / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    print(f"wrote {len(files)} files, {sum(map(len, files.values())):,} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
