"""Sidecar manifests of Cryptomattes: files beside the image that `manif_file` names. One request each, in full passes only."""

from __future__ import annotations

from collections.abc import Sequence

from exr_inspector.errors import AccessDenied, ObjectNotFound, UnsupportedKey
from exr_inspector.exr.cryptomatte.manifests import is_sidecar_path
from exr_inspector.exr.names import Cryptomatte, PartNames
from exr_inspector.storage import RangeSource, ReadBudget

_MOST = 8  # sidecar files of one image; each costs a request


def with_sidecars(source: RangeSource, names: Sequence[PartNames], most_bytes: int) -> tuple[PartNames, ...]:
    """The names with what sidecar manifests say, which lie in the image's folder or below it.

    Args:
        source: The image.
        names: Names of its parts.
        most_bytes: Most bytes of one manifest.

    Raises:
        ExrInspectorError: Retryable ones only, as of the image.
    """
    read: dict[str, tuple[str | None, str]] = {}

    def completed(matte: Cryptomatte) -> Cryptomatte:
        path = matte.manifest_file
        if not path or matte.manifest or not is_sidecar_path(path):
            return matte
        if path not in read and len(read) < _MOST:
            read[path] = _manifest(source, path, most_bytes)
        text, fault = read.get(path, (None, ""))
        return matte._replace(manifest=text, sidecar_fault=fault)

    return tuple(
        part._replace(cryptomattes=tuple(map(completed, part.cryptomattes))) if part.cryptomattes else part
        for part in names
    )


def _manifest(source: RangeSource, path: str, most_bytes: int) -> tuple[str | None, str]:
    """The text of a sidecar manifest, or why there is none."""
    try:
        file = source.beside(path)
        if file is None:
            return None, ""
        raw = file.limited(ReadBudget(requests=1)).read(start=0, end=most_bytes + 1)
    except ObjectNotFound:
        return None, "is not there"
    except (AccessDenied, UnsupportedKey):
        return None, "may not be read"
    if len(raw) > most_bytes:
        return None, f"is larger than {most_bytes:,} bytes"
    try:
        return raw.decode(), ""
    except UnicodeDecodeError:
        return None, "is no UTF-8 text"
