"""Checks the types, sizes, names, duplicates and texts of attributes. See `conformance.header`."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from exr_inspector.exr.conformance.problems import PartProblems
from exr_inspector.exr.header.attributes import FIXED, KNOWN_TYPES, readable_strings
from exr_inspector.exr.header.channel_lists import ends_in_a_name
from exr_inspector.exr.header.encodings import guessed_encoding, is_utf16
from exr_inspector.exr.header.parts import FIRST_WINS, PartHeader
from exr_inspector.exr.header.standard import DEPRECATED, REQUIRED, STANDARD
from exr_inspector.exr.header.text import NOT_UTF8, encode_name, invalid_byte
from exr_inspector.exr.header.values import MULTI_PART, NON_IMAGE, Attribute, Preview
from exr_inspector.exr.limits import PER_CHECKPOINT, Checkpoint, no_checkpoint
from exr_inspector.exr.problems import ProblemKind

SHORT_NAME_BYTES = 31
LONG_NAME_BYTES = 255
_BIG_PREVIEW_BYTES = 1 << 20
_GUESSED_NAMES = 20  # to guess their encoding
# The library has a separate reader for each of these, which skips a value of another type.
_OWN_READER = frozenset({*REQUIRED, "tiles", "name", "type", "version", "chunkCount"})
# The readers of these also skip a value of the wrong size.
_SKIPS_SIZE = {"pixelAspectRatio", "screenWindowCenter", "screenWindowWidth", "tiles", "version", "chunkCount"}
# The standard attributes that must not be empty according to the documentation, and those that may be, but then say nothing.
_NOT_EMPTY = frozenset(name for name, (kind, group) in STANDARD.items() if kind == "string" and group == "camera") | {
    "reelName",
    "ascFramingDecisionList",
}
_SHOULD_NOT_BE_EMPTY = frozenset({"owner", "comments", "name"})
_CODES = {"envmap": (1, "0 or 1"), "deepImageState": (3, "0 to 3")}
_HAS_CHECKS = frozenset({*_NOT_EMPTY, *_SHOULD_NOT_BE_EMPTY, *_CODES, *DEPRECATED, "preview"})
# Name -> type of the standard attributes of which any well-formed value is valid: most attributes of most files.
_VALID = {name: kind for name, (kind, _) in STANDARD.items() if name not in _HAS_CHECKS}
# The types of which an attribute of any other name is valid.
_PLAIN_TYPES = KNOWN_TYPES - {"chlist"}


def check_attributes(report: PartProblems, checkpoint: Checkpoint = no_checkpoint) -> str | None:
    """Report problems of the attributes of one part.

    Returns:
        A name of more than 31 bytes (attribute, type or channel), which requires the long names flag; None if there is none.
    """
    part = report.part
    long_name = None
    has_short_names = _are_short(part.by_name)
    others = [
        each
        for each in part.attributes
        if each.problem
        or (each.name in STANDARD and each.type_name != _VALID.get(each.name))
        or each.type_name not in _PLAIN_TYPES
        or not has_short_names
    ]
    for number, attribute in enumerate(others, 1):
        name, type_name = attribute.name, attribute.type_name
        if not has_short_names or type_name not in KNOWN_TYPES:
            long_name = _check_names(report, attribute) or long_name
        if attribute.problem:
            _report_malformed(report, attribute)
        if name in STANDARD:
            _check_standard(report, attribute)
        elif type_name not in _PLAIN_TYPES:
            _check_other(report, attribute)
        if number % PER_CHECKPOINT == 0:
            checkpoint()
    _check_zeros(report)
    if len(part.by_name) < len(part.attributes):
        _check_duplicates(report)
    if channels := part.channels:
        long_name = _check_channel_names(report, [channel.name for channel in channels]) or long_name
    return long_name


def _are_short(names: Collection[str]) -> bool:
    """Whether all names are ASCII and of at most 31 bytes, as nearly all are; tested for all names at once."""
    everything = "".join(names)
    return max(map(len, names), default=0) <= SHORT_NAME_BYTES and everything.isascii() and "\\x" not in everything


def _check_channel_names(report: PartProblems, names: list[str]) -> str | None:
    """Report channel names that are too long or not UTF-8; return one of more than 31 bytes, None if there is none."""
    if _are_short(names):
        return None
    channels = report.part.by_name["channels"]
    long_name = None
    _report_bytes(report, channels, "a channel", names)
    for name in names:
        size = len(encode_name(name))
        if size > SHORT_NAME_BYTES:
            long_name = name
        if size > LONG_NAME_BYTES:
            _report_too_long(report, channels, "channel", name)
    return long_name


def _report_too_long(report: PartProblems, attribute: Attribute, what: str, name: str) -> None:
    message, found = f"the name of a {what} is too long", f"{len(encode_name(name))} bytes: {name[:32]}..."
    report.add(ProblemKind.NAME_LENGTH, message, attribute, found, f"at most {LONG_NAME_BYTES}", fatal=True)


def _report_bytes(report: PartProblems, attribute: Attribute, what: str, names: Sequence[str]) -> None:
    """Report names that are not UTF-8, once for all: they come from one writer."""
    odd = [(byte, name) for name in names if (byte := invalid_byte(name)) is not None]
    if not odd:
        return
    message = f"the name of {what} is {NOT_UTF8}" if len(odd) == 1 else f"{len(odd)} names of channels are {NOT_UTF8}"
    if guess := guessed_encoding(b" ".join(encode_name(name) for _, name in odd[:_GUESSED_NAMES])):
        message += f"; probably {guess}"
    byte, name = odd[0]
    report.add(ProblemKind.NOT_UTF8, message, attribute, f"byte 0x{byte:02x} in {name}", "UTF-8")


def _check_names(report: PartProblems, attribute: Attribute) -> str | None:
    name, type_name = attribute.name, attribute.type_name
    if not type_name:
        message = f"attribute {name!r} has an empty type name"
        expected = "1 to 31 bytes, or up to 255 with the long names flag"
        report.add(ProblemKind.NAME_LENGTH, message, attribute, expected=expected, fatal=True)
    long_name = None
    for text in (name, type_name):
        _report_bytes(report, attribute, "an attribute or its type", [text])
        if len(text) > SHORT_NAME_BYTES or not text.isascii():
            size = len(encode_name(text))
            long_name = text if size > SHORT_NAME_BYTES else long_name
            if size > LONG_NAME_BYTES:
                _report_too_long(report, attribute, "attribute or its type", text)
    return long_name


def has_wrong_size(attribute: Attribute) -> bool:
    """Whether the size of a value is not that of its type or its channels, so that what was read after it may be wrong."""
    return bool(attribute.problem) and (attribute.type_name in FIXED or attribute.type_name == "chlist")


def is_misread(attribute: Attribute) -> bool:
    """Whether the library misreads the header after a malformed attribute, because it does not skip its bytes."""
    name, type_name, size = attribute.name, attribute.type_name, attribute.size
    if not size or type_name in {"string", "idmanifest"}:
        return False
    if name in _OWN_READER:
        expected = STANDARD[name].type_name
        return type_name == expected and name not in _SKIPS_SIZE and type_name in FIXED
    if type_name == "chlist":
        return isinstance(attribute.value, bytes) and ends_in_a_name(attribute.value)
    return type_name != "preview" or size != 8


def _report_malformed(report: PartProblems, attribute: Attribute) -> None:
    kind, fatal, message = ProblemKind.MALFORMED_VALUE, is_misread(attribute), attribute.problem
    if message.startswith(NOT_UTF8):
        kind, fatal = ProblemKind.NOT_UTF8, False
        texts = readable_strings(attribute.type_name, attribute.value) or ()
        encoding = guessed_encoding(b" ".join(encode_name(text) for text in texts if invalid_byte(text) is not None))
        message += f"; probably {encoding}" if encoding else ""
    elif attribute.type_name == "preview":
        kind = ProblemKind.PREVIEW
    elif attribute.name == "channels" and attribute.type_name == "chlist":
        fatal = report.part.channels is None
    found = f"{attribute.size} bytes of {attribute.type_name}"
    if attribute.type_name not in FIXED:
        report.add(kind, f"attribute {attribute.name!r}: {message}", attribute, found, fatal=fatal)
        return
    message = f"attribute {attribute.name!r} has the wrong size"
    if attribute is report.part.attributes[-1]:
        message += ", after which the header cannot be followed"
    report.add(kind, message, attribute, found, f"{FIXED[attribute.type_name][0].size} bytes", fatal=fatal)


def _check_zeros(report: PartProblems) -> None:
    """Report texts with bytes of zero: UTF-16, or what follows the end of a C string; at the end alone they are padding."""
    for attribute in report.part.attributes:
        text = attribute.value
        if not isinstance(text, str) or "\0" not in text:
            continue
        is_padding = "\0" not in text.rstrip("\0")
        message = f"attribute {attribute.name!r} {'ends with' if is_padding else 'holds'} bytes of zero"
        if is_utf16(text.encode("utf-8", "surrogatepass")):
            message += "; probably UTF-16"
        count = f"{text.count(chr(0))} of {attribute.size} bytes"
        report.add(ProblemKind.NOT_UTF8, message, attribute, count, "text without them", mild=is_padding)


def _check_standard(report: PartProblems, attribute: Attribute) -> None:
    name, type_name, value = attribute.name, attribute.type_name, attribute.value
    expected = STANDARD[name].type_name
    if type_name != expected:
        message, kind, found = (
            f"attribute {name!r} has the wrong type",
            ProblemKind.WRONG_ATTRIBUTE_TYPE,
            type_name[:64],
        )
        is_optional = not _is_needed(report.part, name)
        report.add(kind, message, attribute, found, expected, fatal=name == "channels", mild=is_optional)
    elif name in _CODES and isinstance(value, int) and value > _CODES[name][0]:
        message = f"{name} has a value that is not defined"
        report.add(ProblemKind.UNKNOWN_CODE, message, attribute, str(value), _CODES[name][1])
    elif name == "name" and not report.part.version_word & MULTI_PART:
        return  # a single part needs no name
    elif (name in _NOT_EMPTY or name in _SHOULD_NOT_BE_EMPTY) and not value:
        is_mild = name not in _NOT_EMPTY
        report.add(ProblemKind.EMPTY_STRING, f"attribute {name!r} is empty", attribute, "''", "some text", mild=is_mild)
    elif isinstance(value, Preview):
        _check_preview(report, attribute, value)
    if name in DEPRECATED:
        report.add(ProblemKind.DEPRECATED_ATTRIBUTE, f"attribute {name!r} is deprecated", attribute)


def _is_needed(part: PartHeader, name: str) -> bool:
    """Whether readers need the attribute to find the pixels of the part."""
    if name in {"name", "type", "version", "chunkCount"}:
        return bool(part.version_word & (MULTI_PART | NON_IMAGE))
    return name in REQUIRED or (name == "tiles" and part.is_tiled)


def _check_preview(report: PartProblems, attribute: Attribute, preview: Preview) -> None:
    message = ""
    if not preview.width or not preview.height:
        message = "the preview has no pixels"
    elif attribute.size > _BIG_PREVIEW_BYTES:
        message = "the preview is so large that it slows down reading the header"
    if message:
        found = f"{preview.width} x {preview.height}, {attribute.size} bytes"
        report.add(ProblemKind.PREVIEW, message, attribute, found, f"1 x 1 to {_BIG_PREVIEW_BYTES} bytes")


def _check_other(report: PartProblems, attribute: Attribute) -> None:
    name, type_name = attribute.name, attribute.type_name
    if type_name not in KNOWN_TYPES:
        message = f"attribute {name!r} has a type that OpenEXR does not define"
        report.add(ProblemKind.UNKNOWN_ATTRIBUTE_TYPE, message, attribute, type_name[:64], "a predefined type")
    elif type_name == "chlist":
        message, found = f"attribute {name!r} is a second channel list", f"{attribute.size} bytes"
        report.add(ProblemKind.EXTRA_CHANNEL_LIST, message, attribute, found, "one list, called channels")


def _check_duplicates(report: PartProblems) -> None:
    first: dict[str, Attribute] = {}
    for attribute in report.part.attributes:
        name, type_name = attribute.name, attribute.type_name
        earlier = first.setdefault(name, attribute)
        if earlier is attribute:
            continue
        is_other = type_name != earlier.type_name
        fatal = bool(attribute.size) and name not in _OWN_READER and (is_other or type_name == "string")
        if name in FIRST_WINS:
            reading = "the first one counts"
        elif name == "channels" and not is_other:
            reading = "the channels of both count"
        else:
            reading = "the library misreads what follows" if fatal else "the last one counts"
        message, found = f"attribute {name!r} is repeated; {reading}", f"{type_name} after {earlier.type_name}"
        report.add(ProblemKind.DUPLICATE_ATTRIBUTE, message, attribute, found, "each name once", fatal=fatal)
