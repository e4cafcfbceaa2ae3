"""Sidecar manifests of Cryptomattes: files beside the image that `manif_file` names. One request each, in full passes only."""

from __future__ import annotations

from collections.abc import Sequence

from exr_inspector.errors import ExrInspectorError, LimitExceeded, ObjectNotFound
from exr_inspector.exr.cryptomatte.manifests import is_sidecar_path
from exr_inspector.exr.limits import Reserve
from exr_inspector.exr.names import Cryptomatte, PartNames
from exr_inspector.storage import RangeSource, ReadBudget

_MOST = 8  # sidecar files of one image; each costs a request
_BYTES_A_BYTE = 5  # the byte itself, and at most four of a character that Python keeps


def with_sidecars(
    source: RangeSource, names: Sequence[PartNames], most_bytes: int, reserve: Reserve
) -> tuple[PartNames, ...]:
    """The names, completed by sidecar manifests in the image's folder or below it.

    Args:
        source: The image.
        names: Names of its parts.
        most_bytes: Most bytes of one manifest.
        reserve: Called with the memory that each takes, in bytes.

    Raises:
        ExrInspectorError: Retryable ones only, as of the image.
    """
    read: dict[str, tuple[str | None, str]] = {}

    def completed(matte: Cryptomatte) -> Cryptomatte:
        path = matte.manifest_file
        if not path or matte.manifest or not is_sidecar_path(path):
            return matte
        if path not in read and len(read) < _MOST:
            read[path] = _manifest(source, path, most_bytes, reserve)
        text, fault = read.get(path, (None, ""))
        return matte._replace(manifest=text, sidecar_fault=fault)

    return tuple(
        part._replace(cryptomattes=tuple(map(completed, part.cryptomattes))) if part.cryptomattes else part
        for part in names
    )


def manifest_paths(image: str, names: Sequence[PartNames]) -> set[str]:
    """Paths of the sidecar manifests that an image names, whether they exist or not.

    Args:
        image: Path of the image.
        names: Names of its parts.
    """
    found = {matte.manifest_file for part in names for matte in part.cryptomattes}
    folder = image[: image.rfind("/") + 1]
    return {folder + path for path in found if path and is_sidecar_path(path)}


def _manifest(source: RangeSource, path: str, most_bytes: int, reserve: Reserve) -> tuple[str | None, str]:
    """The text of a sidecar manifest, or the reason why it cannot be read."""
    text, fault = None, ""
    try:
        file = source.beside(path)
        raw = b"" if file is None else file.limited(ReadBudget(requests=1)).read(start=0, end=most_bytes + 1)
        reserve(len(raw) * _BYTES_A_BYTE)
        if len(raw) > most_bytes:
            fault = f"is larger than {most_bytes:,} bytes"
        elif raw:
            text = raw.decode()
        elif file is not None:
            fault = "is empty"
    except ObjectNotFound:
        fault = "is not there"
    except LimitExceeded:
        fault = "takes more memory than EXR_MEMORY_MIB allows"
    except ExrInspectorError as error:
        if error.retryable:
            raise
        fault = "may not be read"
    except UnicodeDecodeError:
        fault = "is no UTF-8 text"
    return text, fault
