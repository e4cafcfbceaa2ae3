"""Parses Cryptomatte manifests, which map names to ids, and computes ids from names. Independent of headers.

Source: Cryptomatte specification 1.2.0 and its reference utilities: an id is the MurmurHash3_x86_32 of the UTF-8 name with seed
0. If its float exponent is 0 or 255 (a denormal, an infinity or a NaN), the exponent's lowest bit (bit 23) is toggled.
"""

from __future__ import annotations

import json
import re
import struct
from collections.abc import Iterable, Mapping

import mmh3
import xxhash

from exr_inspector.exr.header.text import encode_name, invalid_byte

_EIGHT_HEX = re.compile(r"[0-9a-fA-F]{8}")
_HEX = re.compile(r"[0-9a-fA-F]+")
_EXPONENT_BIT = 1 << 23
_ENTRY_CHARACTERS = 60  # of a name or id in a message
# An invalid UTF-8 byte as `decode_name` writes it; an even number of backslashes before it are JSON escapes.
_BYTE = re.compile(r"(?<!\\)((?:\\\\)*)\\(x[89a-f][0-9a-f])")


class ManifestError(ValueError):
    """A manifest does not follow the specification. Always caught by the callers of this package.

    Attributes:
        is_truncated: Whether the manifest ends too early.
        entry: The entry that is wrong, for messages about manifests in the header; empty if no entry is. The message does not
            quote it because a sidecar may be any JSON file next to the image, even one with secrets.
    """

    def __init__(self, message: str, *, is_truncated: bool = False, entry: str = "") -> None:
        super().__init__(message)
        self.is_truncated = is_truncated
        self.entry = entry


def cryptomatte_id(name: str) -> int:
    """The 32-bit id of a name."""
    return _id_of(name.encode("utf-8", "surrogatepass"))


def _id_of(name: bytes) -> int:
    hashed = mmh3.hash(name, 0, signed=False)
    exponent = (hashed >> 23) & 0xFF
    return hashed ^ _EXPONENT_BIT if exponent in (0, 255) else hashed


def id_as_float(value: int) -> float:
    """The float with the same 32 bits as an id, as stored in pixels."""
    as_float: float = struct.unpack("<f", struct.pack("<I", value))[0]
    return as_float


def manifest_hash(text: str) -> str:
    """The XXH3-128 of a manifest's text, 32 hexadecimal digits; frames with the same manifest share its stored names."""
    return xxhash.xxh3_128_hexdigest(text.encode("utf-8", "surrogatepass"))


def parse_manifest(text: str) -> dict[str, str]:
    r"""The names of a manifest and their ids as text of lower case; readers take upper case, too.

    Invalid UTF-8 bytes, which `decode_name` writes as `\xNN`, keep this form in the names, since JSON has no such escape.

    Raises:
        ManifestError: If it is not a JSON object that maps names to eight hexadecimal digits.
    """
    try:
        parsed = json.loads(text if "\\x" not in text else _BYTE.sub(r"\1\\\\\2", text))
    except json.JSONDecodeError as error:
        if error.pos >= len(text.rstrip()) or error.msg.startswith("Unterminated string"):
            raise ManifestError(f"truncated after {len(text)} characters: {error}", is_truncated=True) from error
        raise ManifestError(f"not valid JSON: {error}") from error
    except (ValueError, RecursionError) as error:
        raise ManifestError(f"not valid JSON: {error}") from error
    if not isinstance(parsed, dict):
        raise ManifestError(f"a JSON {_json_type(parsed)}, not an object")
    wrong = [number for number, value in enumerate(parsed.values(), 1) if not _is_id(value)]
    if wrong:
        raise _wrong_ids(parsed, wrong)
    return {name: value.lower() for name, value in parsed.items()}


def _is_id(value: object) -> bool:
    return isinstance(value, str) and _EIGHT_HEX.fullmatch(value) is not None


def _wrong_ids(parsed: dict[str, object], wrong: list[int]) -> ManifestError:
    """The error for a manifest in which some values are no ids.

    Args:
        parsed: The manifest.
        wrong: The numbers of the entries, from 1.
    """
    name, value = list(parsed.items())[wrong[0] - 1]
    entry = f"{json.dumps(name)[:_ENTRY_CHARACTERS]}: {json.dumps(value)[:_ENTRY_CHARACTERS]}"
    if all(map(_is_id, parsed)):
        return ManifestError("a JSON object that maps ids to names; expected names to ids", entry=entry)
    if not isinstance(value, str):
        what = f"is a {_json_type(value)}"
    elif _HEX.fullmatch(value):
        what = f"has {len(value)} digits"
    else:
        what = "is no hexadecimal number"
    of = f" ({len(wrong):,} of {len(parsed):,} ids are wrong)" if len(wrong) > 1 else ""
    message = f"a JSON object, but the id of entry {wrong[0]} {what}{of}; expected a text of eight hexadecimal digits"
    return ManifestError(message, entry=entry)


def _json_type(value: object) -> str:
    names = ((bool, "true or false"), (str, "string"), ((int, float), "number"), (list, "array"))
    return next((name for types, name in names if isinstance(value, types)), "null")


def sidecar_path_fault(path: str) -> str:
    """Why `manif_file` is no relative path to a .json file in the image's folder or below it; empty if it is one."""
    faults = {
        "begins with a drive letter": path[1:2] == ":",
        "is a URL": "://" in path,
        "is an absolute path": path.startswith(("/", "\\")),
        "leads out of the image's folder": ".." in re.split(r"[/\\]", path),
        "has a backslash, which separates folders on Windows alone": "\\" in path,
        "has an empty component or a dot": not {"", "."}.isdisjoint(path.split("/")),
        "does not end with .json": not path.endswith(".json"),
    }
    return next((fault for fault, is_so in faults.items() if is_so), "")


def is_sidecar_path(path: str) -> bool:
    """Whether `manif_file` follows the specification: a relative path to a .json file in the image's folder or below it."""
    return not sidecar_path_fault(path)


def wrong_names(manifest: Mapping[str, str]) -> list[str]:
    """The names whose id is neither the hash of the name nor the hash of the bytes that `decode_name` converted to it.

    If bytes of the manifest are not UTF-8, names with other characters than ASCII are not compared: those that the renderer
    hashed, and their encoding, are unknown.
    """
    is_utf8 = all(invalid_byte(name) is None for name in manifest)
    return [
        name
        for name, value in manifest.items()
        if f"{cryptomatte_id(name):08x}" != value
        if "\\x" not in name or f"{_id_of(encode_name(name)):08x}" != value
        if is_utf8 or (name.isascii() and invalid_byte(name) is None)
    ]


def unflipped_names(names: Iterable[str], manifest: Mapping[str, str]) -> list[str]:
    """The names whose id is their hash as it is, although its exponent is 0 or 255 and bit 23 must be toggled."""
    return [name for name in names if f"{cryptomatte_id(name) ^ _EXPONENT_BIT:08x}" == manifest[name]]


def collisions(manifest: Mapping[str, str]) -> list[tuple[str, str]]:
    """The pairs of names with the same id."""
    owner: dict[str, str] = {}
    return [(first, name) for name, value in manifest.items() if (first := owner.setdefault(value, name)) != name]
