"""Sidecar manifests of Cryptomattes: files that the attribute `manif_file` names, in the image's folder or below it.

They are read only in full passes over the pixels; each costs one request.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from exr_inspector.errors import ExrInspectorError, LimitExceeded, ObjectNotFound
from exr_inspector.exr.cryptomatte.manifests import is_sidecar_path
from exr_inspector.exr.limits import OnLimit, Reserve, ignore_limit
from exr_inspector.exr.names import Cryptomatte, PartNames
from exr_inspector.model import MISSING_MANIFESTS
from exr_inspector.storage import RangeSource, ReadBudget

_MAX_SIDECARS = 8  # read for one image
_ABSENT, _EMPTY = "does not exist", "is empty"  # faults that disappear once the manifest is written
_MAX_MISSING_CHARACTERS = 3_000  # of the paths that `missing_sidecars` names
_MEMORY_FACTOR = 5  # bytes of memory for each byte of a manifest: the byte, and up to four for Python's character


def with_sidecars(
    source: RangeSource, names: Sequence[PartNames], max_bytes: int, reserve: Reserve, on_limit: OnLimit = ignore_limit
) -> tuple[PartNames, ...]:
    """Return the names with the texts of the sidecar manifests that they refer to.

    A manifest that cannot be read is described by `sidecar_fault` of its Cryptomatte.

    Args:
        source: The image.
        names: The names of its parts.
        max_bytes: Maximum size of a manifest, bytes.
        reserve: Called with the number of bytes of memory that a manifest takes.
        on_limit: Called with the limit of this installation that prevented reading a manifest.

    Raises:
        ExrInspectorError: A transient fault while a manifest was read (`retryable`).
    """
    read: dict[str, tuple[str | None, str]] = {}

    def with_manifest(matte: Cryptomatte) -> Cryptomatte:
        path = matte.manifest_file
        if not path or matte.manifest or not is_sidecar_path(path):
            return matte
        if path not in read and len(read) < _MAX_SIDECARS:
            read[path] = _manifest(source, path, max_bytes, reserve, on_limit)
        text, fault = read.get(path, (None, ""))
        return matte._replace(manifest=text, sidecar_fault=fault)

    return tuple(
        part._replace(cryptomattes=tuple(map(with_manifest, part.cryptomattes))) if part.cryptomattes else part
        for part in names
    )


def manifest_paths(image: str, names: Sequence[PartNames]) -> set[str]:
    """Return the paths of the sidecar manifests that an image refers to, whether they exist or not.

    Args:
        image: The path of the image.
        names: The names of its parts.
    """
    found = {matte.manifest_file for part in names for matte in part.cryptomattes}
    folder = image[: image.rfind("/") + 1]
    return {folder + path for path in found if path and is_sidecar_path(path)}


def missing_sidecars(names: Sequence[PartNames]) -> str:
    """Return MISSING_MANIFESTS with the sidecar manifests that `with_sidecars` did not find; empty if it found all."""
    mattes = [matte for part in names for matte in part.cryptomattes]
    paths = sorted({matte.manifest_file or "" for matte in mattes if matte.sidecar_fault in {_ABSENT, _EMPTY}})
    while len(text := json.dumps(paths, ensure_ascii=False)) > _MAX_MISSING_CHARACTERS:
        paths.pop()
    return f"{MISSING_MANIFESTS}{text}" if paths else ""


def _manifest(
    source: RangeSource, path: str, max_bytes: int, reserve: Reserve, on_limit: OnLimit
) -> tuple[str | None, str]:
    """Return the text of a sidecar manifest and a description of its fault; the latter is empty if there is none."""
    text, fault = None, ""
    try:
        file = source.beside(path)
        raw = b"" if file is None else file.limited(ReadBudget(requests=1)).read(start=0, end=max_bytes + 1)
        reserve(len(raw) * _MEMORY_FACTOR)
        if len(raw) > max_bytes:
            fault = f"is larger than {max_bytes:,} bytes"
            on_limit(LimitExceeded(f"{path} {fault}", limit="string_bytes"))
        elif raw:
            text = raw.decode()
        elif file is not None:
            fault = _EMPTY
    except ObjectNotFound:
        fault = _ABSENT
    except LimitExceeded as error:
        on_limit(error)
        fault = "takes more memory than EXR_MEMORY_MIB allows"
    except ExrInspectorError as error:
        if error.retryable:
            raise
        fault = "cannot be read"
    except UnicodeDecodeError:
        fault = "is not UTF-8 text"
    return text, fault
