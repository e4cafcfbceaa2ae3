"""Conformance of attributes one by one: types, sizes, names, duplicates, text. See `conformance`."""

from __future__ import annotations

from exr_inspector.exr.header.attributes import FIXED, KNOWN_TYPES
from exr_inspector.exr.header.channel_lists import is_plain
from exr_inspector.exr.header.malformed import NAME_CUT, NOT_UTF8, encode_name
from exr_inspector.exr.header.parts import FIRST_WINS, PartHeader
from exr_inspector.exr.header.standard import DEPRECATED, REQUIRED, STANDARD
from exr_inspector.exr.header.values import Attribute, Preview
from exr_inspector.exr.problems import Problem, ProblemList

SHORT_NAME_BYTES = 31
LONG_NAME_BYTES = 255
_BIG_PREVIEW_BYTES = 1 << 20
# For these the library has a reader of its own that skips a value of another type.
_OWN_READER = frozenset({*REQUIRED, "tiles", "name", "type", "version", "chunkCount"})
# ... and of those, these skip a value of the wrong size as well.
_SKIPS_SIZE = frozenset(
    {"pixelAspectRatio", "screenWindowCenter", "screenWindowWidth", "tiles", "version", "chunkCount"}
)
_NOT_EMPTY = frozenset(
    name
    for name, (type_name, group) in STANDARD.items()
    if type_name == "string" and group in {"camera", "production", "timecode"}
)
_CODES = {"envmap": (1, "0 or 1"), "deepImageState": (3, "0 to 3")}
# Attributes of which nothing but the type needs checking here: nearly all of a header, told by one look-up.
_PLAIN = {
    name: standard.type_name
    for name, standard in STANDARD.items()
    if name not in DEPRECATED and name not in _CODES and name not in _NOT_EMPTY and name != "preview"
}
# Types of which nothing but a problem in their bytes is worth a word, in an attribute that is no standard one.
_QUIET = KNOWN_TYPES - {"chlist"}


def check_attributes(part: PartHeader, problems: ProblemList) -> str | None:
    """Report what is wrong with the attributes of one part.

    Returns:
        A name of more than 31 bytes (attribute, type or channel), None if there is none: the file's flags must say so.
    """
    plain = _PLAIN.get
    long_name = None
    for attribute in part.attributes:
        name, type_name, _, _, _, problem = attribute
        if not problem:
            if plain(name) == type_name:
                continue
            is_simple = len(name) <= SHORT_NAME_BYTES and name.isascii() and "\\" not in name
            if is_simple and type_name in _QUIET and name not in STANDARD:
                continue
        long_name = _check_attribute(part, attribute, problems) or long_name
    if len(part.by_name) < len(part.attributes):
        _check_duplicates(part, problems)
    channels = part.channels
    if not channels or is_plain(channels):
        return long_name
    return _check_channel_names(part, [channel[0] for channel in channels], problems) or long_name


def _check_attribute(part: PartHeader, attribute: Attribute, problems: ProblemList) -> str | None:
    """Report what is wrong with one attribute; answers its name or type name if that is long."""
    long_name = _check_names(part, attribute, problems)
    if attribute[5]:
        _report_malformed(part, attribute, problems)
    if attribute[0] in STANDARD:
        _check_standard(part, attribute, problems)
    else:
        _check_other(part, attribute, problems)
    return long_name


def _check_channel_names(part: PartHeader, names: list[str], problems: ProblemList) -> str | None:
    """Report channel names that are too long, or no UTF-8; answers a long one."""
    everything = "".join(names)
    if max(map(len, names)) <= SHORT_NAME_BYTES and everything.isascii() and "\\x" not in everything:
        return None
    long_name = None
    for name in names:
        size = len(encode_name(name))
        if "\\x" in name:
            _report_bytes(part, part.by_name["channels"], "a channel", name, problems)
        if size > SHORT_NAME_BYTES:
            long_name = name
        if size > LONG_NAME_BYTES:
            problems.add(_too_long(part, part.by_name["channels"], "channel", name))
    return long_name


def _too_long(part: PartHeader, attribute: Attribute, what: str, name: str) -> Problem:
    return Problem(
        "STR-NAME-LEN",
        f"the name of a {what} is too long",
        part=part.index,
        offset=attribute.offset,
        found=f"{len(encode_name(name))} bytes: {name[:32]}...",
        expected=f"at most {LONG_NAME_BYTES}",
        fatal=True,
    )


def _report_bytes(part: PartHeader, attribute: Attribute, what: str, name: str, problems: ProblemList) -> None:
    r"""Report a name that is no UTF-8; one that only looks as if it held an escaped byte (`\xNN`) is sound."""
    try:
        encode_name(name).decode()
    except UnicodeDecodeError as error:
        message = f"the name of {what} is {NOT_UTF8}"
        found = f"byte 0x{error.object[error.start]:02x} in {name}"
        problems.add(Problem("STR-STRING-UTF8", message, part.index, attribute.offset, found, "UTF-8"))


def _check_names(part: PartHeader, attribute: Attribute, problems: ProblemList) -> str | None:
    name, type_name = attribute[0], attribute[1]
    if not type_name:
        problems.add(
            Problem(
                "STR-NAME-LEN",
                f"attribute {name!r} has an empty type name",
                part=part.index,
                offset=attribute.offset,
                expected="1 to 31 bytes, with the flag of long names 255",
                fatal=True,
            )
        )
    long_name = None
    for text in (name, type_name):
        if "\\x" in text:
            _report_bytes(part, attribute, "an attribute or its type", text, problems)
        if len(text) > SHORT_NAME_BYTES or not text.isascii():
            size = len(encode_name(text))
            long_name = text if size > SHORT_NAME_BYTES else long_name
            if size > LONG_NAME_BYTES:
                problems.add(_too_long(part, attribute, "attribute or its type", text))
    return long_name


def loses_sync(attribute: Attribute) -> bool:
    """Whether the library misreads what stands behind a malformed attribute, since it does not skip its bytes."""
    name, type_name, _, _, size, problem = attribute
    if not size or type_name in {"string", "idmanifest"}:
        return False
    if name in _OWN_READER:
        expected = STANDARD[name].type_name
        return type_name == expected and name not in _SKIPS_SIZE and type_name in FIXED
    if type_name == "chlist":
        return problem.startswith(NAME_CUT)
    return type_name != "preview" or size != 8


def _report_malformed(part: PartHeader, attribute: Attribute, problems: ProblemList) -> None:
    code, fatal = "STR-ATTR-SIZE", loses_sync(attribute)
    if attribute.problem.startswith(NOT_UTF8):
        code, fatal = "STR-STRING-UTF8", False
    elif attribute.type_name == "preview":
        code = "STR-PREVIEW"
    elif attribute.name == "channels" and attribute.type_name == "chlist":
        fatal = part.channels is None
    problems.add(
        Problem(
            code,
            f"attribute {attribute.name!r}: {attribute.problem}",
            part=part.index,
            offset=attribute.offset,
            found=f"{attribute.size} bytes of {attribute.type_name}",
            fatal=fatal,
        )
    )


def _check_standard(part: PartHeader, attribute: Attribute, problems: ProblemList) -> None:
    name, type_name, value, offset, _, _ = attribute
    expected = STANDARD[name].type_name
    if type_name != expected:
        message = f"attribute {name!r} has the wrong type"
        problems.add(
            Problem("STR-REQ-TYPE", message, part.index, offset, type_name[:64], expected, fatal=name == "channels")
        )
    elif name in _CODES and isinstance(value, int) and value > _CODES[name][0]:
        message = f"{name} has a value without a meaning"
        problems.add(Problem("STR-ENUM-OTHER", message, part.index, offset, str(value), _CODES[name][1]))
    elif name in _NOT_EMPTY and not value:
        problems.add(Problem("STR-STRING-EMPTY", f"attribute {name!r} is empty", part.index, offset, "''", "some text"))
    elif isinstance(value, Preview):
        _check_preview(part, attribute, value, problems)
    if name in DEPRECATED:
        problems.add(Problem("STR-DEPRECATED", f"attribute {name!r} is obsolete", part.index, offset, name))


def _check_preview(part: PartHeader, attribute: Attribute, preview: Preview, problems: ProblemList) -> None:
    message = ""
    if not preview.width or not preview.height:
        message = "the preview has no pixels"
    elif attribute.size > _BIG_PREVIEW_BYTES:
        message = "the preview makes every reading of the header slow"
    if message:
        found = f"{preview.width} x {preview.height}, {attribute.size} bytes"
        expected = f"1 x 1 to {_BIG_PREVIEW_BYTES} bytes"
        problems.add(Problem("STR-PREVIEW", message, part.index, attribute.offset, found, expected))


def _check_other(part: PartHeader, attribute: Attribute, problems: ProblemList) -> None:
    name, type_name, _, offset, size, _ = attribute
    if type_name not in KNOWN_TYPES:
        message = f"attribute {name!r} has a type that OpenEXR does not define"
        problems.add(Problem("STR-ATTR-UNKNOWN", message, part.index, offset, type_name[:64], "a predefined type"))
    elif type_name == "chlist":
        message = f"a channel list called {name!r} describes no pixels"
        found = f"{size} bytes"
        problems.add(Problem("STR-EXTRA-CHLIST", message, part.index, offset, found, "one list, called channels"))


def _check_duplicates(part: PartHeader, problems: ProblemList) -> None:
    first: dict[str, Attribute] = {}
    for attribute in part.attributes:
        name, type_name, _, offset, size, _ = attribute
        earlier = first.setdefault(name, attribute)
        if earlier is attribute:
            continue
        fatal = bool(size) and name not in _OWN_READER and (type_name != earlier.type_name or type_name == "string")
        if name in FIRST_WINS:
            reading = "the first one counts"
        elif name == "channels" and type_name == earlier.type_name:
            reading = "the channels of both count"
        else:
            reading = "the library loses its place" if fatal else "the last one counts"
        problems.add(
            Problem(
                "STR-ATTR-DUP",
                f"attribute {name!r} is repeated; {reading}",
                part=part.index,
                offset=offset,
                found=f"{type_name} after {earlier.type_name}",
                expected="each name once",
                fatal=fatal,
            )
        )
