"""Rules whose violations `exr.conformance` and the reader's own errors report; only what people need to know is here.

`bridge` turns those reports into findings. None of these has a function of its own.
"""

from __future__ import annotations

from exr_inspector.model import Severity
from exr_inspector.validation.rule import Rule, reported

E, W, I = Severity.ERROR, Severity.WARNING, Severity.INFO  # noqa: E741 - the three letters of the table below
_CORE = "OpenEXRCore 3.5"
_LAYOUT = "OpenEXR file layout document"
_STANDARD = "OpenEXR standard attributes"

_TABLE: tuple[tuple[str, Severity, str, str, str], ...] = (
    ("STR-MAGIC", E, "The file starts with 76 2f 31 01", "It is no OpenEXR file, or empty.", _CORE),
    (
        "STR-VERSION",
        E,
        "The version is 2 and no unknown flag is set",
        "No reader knows the layout of what follows.",
        _CORE,
    ),
    (
        "STR-FLAGS-COMBO",
        E,
        "The flag of single tiled files stands alone",
        "Every reader refuses it beside the flags of deep or multi-part files.",
        _CORE,
    ),
    (
        "STR-DEEP-FLAG",
        E,
        "The flag of deep data is set exactly if a part is deep",
        "Readers decide by it what they need.",
        _LAYOUT,
    ),
    (
        "STR-ONEPART-MULTI",
        W,
        "The multi-part flag is set only with several parts",
        "The combination is not listed; readers open it all the same.",
        _LAYOUT,
    ),
    (
        "STR-HDR-END",
        E,
        "Every header can be read to its terminator",
        "The file ends or loses its structure inside the header.",
        f"{_LAYOUT}; {_CORE}",
    ),
    (
        "STR-LIMIT",
        E,
        "The file asks for no more than this installation allows",
        "Numbers that a file declares are held against a limit before anything is reserved for them.",
        "this project (settings EXR_MAX_...)",
    ),
    (
        "STR-NAME-LEN",
        E,
        "Names of attributes, types and channels have 1 to 31 bytes, with the flag of long names 255",
        "Old readers fail at 32 bytes, all at 256.",
        f"{_LAYOUT}; {_CORE}",
    ),
    (
        "STR-LONGFLAG-MISSING",
        W,
        "The flag of long names is set exactly if a name is longer than 31 bytes",
        "Lenient readers accept it, strict ones do not.",
        _CORE,
    ),
    (
        "STR-ATTR-SIZE",
        E,
        "An attribute has the size of its type",
        "The C library does not skip by size: it misreads what follows.",
        _CORE,
    ),
    (
        "STR-ATTR-DUP",
        E,
        "Each attribute is there once in a header",
        "Which of two counts differs by reader; some fail.",
        _CORE,
    ),
    ("STR-ATTR-UNKNOWN", I, "Attribute types are predefined ones", "Other tools see opaque bytes.", _LAYOUT),
    (
        "STR-REQ-MISSING",
        E,
        "The required attributes are there",
        "The library invents values: a window of 64x64, ZIP compression.",
        f"{_LAYOUT}; {_CORE}",
    ),
    (
        "STR-REQ-TYPE",
        E,
        "Required and standard attributes have their types",
        "Readers ignore or misread them.",
        f"{_CORE}; {_STANDARD}",
    ),
    (
        "STR-ENUM-COMPRESSION",
        E,
        "The compression code is 0 to 13",
        "Lenient readers take an unknown code for ZIP and decode garbage.",
        _CORE,
    ),
    (
        "STR-ENUM-LINEORDER",
        E,
        "lineOrder is 0 to 2, and 2 only in tiled parts",
        "Writers refuse it, readers disagree.",
        f"{_CORE}; {_STANDARD}",
    ),
    ("STR-ENUM-OTHER", E, "envmap is 0 or 1, deepImageState 0 to 3", "The value has no meaning.", f"{_CORE}; exrcheck"),
    (
        "STR-TYPE-REQUIRED",
        E,
        "Every part of a multi-part or deep file has a type",
        "Nothing else says how it is laid out.",
        _CORE,
    ),
    (
        "STR-TYPE-UNKNOWN",
        E,
        "The type is scanlineimage, tiledimage, deepscanline or deeptile",
        "The C++ library cannot open the part.",
        _CORE,
    ),
    (
        "STR-TYPE-MISMATCH",
        W,
        "The type of a single flat part agrees with the tile flag",
        "Readers trust the flag; strict ones fail.",
        _CORE,
    ),
    (
        "STR-PART-NAME",
        E,
        "Every part of a multi-part file has a name of its own",
        "Writers refuse it; software that addresses parts by name finds the wrong one.",
        f"{_STANDARD}; {_CORE}",
    ),
    ("STR-DEEP-VERSION", E, "Parts of deep files have version 1", "It is required there.", f"{_LAYOUT}; {_CORE}"),
    (
        "STR-CHUNKCOUNT",
        E,
        "chunkCount is what windows and compression make it",
        "The library replaces it silently; others may trust it.",
        _CORE,
    ),
    (
        "STR-CHUNKCOUNT-MISSING",
        W,
        "Multi-part and deep parts have a chunkCount",
        "Strict readers refuse the part.",
        f"{_LAYOUT}; {_CORE}",
    ),
    (
        "STR-SHARED-ATTRS",
        E,
        "displayWindow, pixelAspectRatio and chromaticities are the same in every part",
        "The library cannot open the file.",
        _CORE,
    ),
    (
        "STR-SHARED-TIMECODE",
        W,
        "timeCode is the same in every part",
        "It is meant to be shared, though the library looks for another spelling.",
        _CORE,
    ),
    (
        "STR-PLINEAR",
        E,
        "pLinear is 0 or 1 and the bytes behind it are 0",
        "The C library rejects other flags and ignores the reserved bytes.",
        _CORE,
    ),
    ("STR-PIXTYPE", E, "The pixel type is 0, 1 or 2", "The library rejects the channel list.", _CORE),
    (
        "STR-CHAN-DUP",
        E,
        "Channel names are not empty and differ",
        "The library rejects the channel list.",
        _CORE,
    ),
    (
        "STR-CHAN-ORDER",
        W,
        "Channels are sorted by name, byte by byte",
        "Readers sort them silently; pixels may come out swapped in others.",
        _LAYOUT,
    ),
    ("STR-CHAN-COUNT", E, "There are 1 to 32767 channels", "The library counts them in 16 bits.", f"{_CORE}.3"),
    (
        "STR-CHAN-SAMPLING",
        E,
        "Samplings are 1 or more, divide the windows, and are 1 in tiled and deep parts",
        "The library rejects the part.",
        _CORE,
    ),
    (
        "STR-EXTRA-CHLIST",
        W,
        "Only `channels` is a channel list",
        "Before OpenEXR 3.5.3 another one could be taken for it.",
        "OpenEXR release notes 3.5.3",
    ),
    (
        "STR-PREVIEW",
        W,
        "The preview has pixels, as many as its size says, and is small",
        "Everybody who reads the header reads it, too.",
        f"{_CORE}; common practice",
    ),
    (
        "STR-STRING-EMPTY",
        W,
        "Camera, lens and reel strings are not empty",
        "They are documented to say something if they are there.",
        _STANDARD,
    ),
    ("STR-STRING-UTF8", W, "Strings are UTF-8", "The documented encoding.", _STANDARD),
    (
        "STR-DEPRECATED",
        I,
        "No obsolete attribute is there",
        "dwaCompressionLevel, renderingTransform, lookModTransform and maxSamplesPerPixel mean nothing any more.",
        _STANDARD,
    ),
    (
        "STR-HEADER-BIG",
        W,
        "The header is below 1 MiB and 2000 attributes",
        "Reading metadata gets slow; manifests belong into idManifest or beside the file.",
        "common practice; Academy's reference container writer (1 MiB)",
    ),
    (
        "WIN-INVALID",
        E,
        "Windows hold pixels and lie within +-1073741822",
        "The library rejects the file.",
        _CORE,
    ),
    (
        "WIN-PAR-RANGE",
        E,
        "The pixel aspect ratio is from 1e-6 to 1e6",
        "The library rejects the file.",
        _CORE,
    ),
    (
        "TIL-DESC",
        E,
        "Tile sizes are 1 or more, level and rounding mode are known",
        "The library rejects the part.",
        _CORE,
    ),
)

RULES: tuple[Rule, ...] = tuple(
    reported(code, severity, title, why=why, source=source) for code, severity, title, why, source in _TABLE
)
