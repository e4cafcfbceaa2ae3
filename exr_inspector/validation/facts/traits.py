"""Traits: cheap properties of parts as bits. A rule is called only for parts with at least one of the traits that it names.

They are plain integers because an operation on IntFlag takes a microsecond. Traits only save time: a rule that is called
without them finds nothing, which tests check. The exceptions are ACES, ACES_CONTAINER and DEEP, which some rules require
without checking them.
"""

from __future__ import annotations

from exr_inspector.validation.facts.colourspaces import OTHER_TAGS

ALWAYS = 1 << 0
# Geometry
WINDOWS = 1 << 1  # data and display window differ, or the display window does not start at (0, 0)
LARGE = 1 << 28  # a coordinate of the window is at least LARGE_PX, or WINDOWS is set
LARGE_PX = 8_192
SCREEN = 1 << 2  # pixel aspect ratio, screen window centre or width other than 1, (0, 0), 1
TILED = 1 << 3
FLAT_TILES = 1 << 4  # a tile description in a scan line part
# Channels
DEEP = 1 << 5
UNUSUAL = 1 << 6  # other channels than B, G, R or A, B, G, R in this order
HALF = 1 << 7
FLOAT = 1 << 8
UINT = 1 << 9
SUBSAMPLED = 1 << 10
LOSSY = 1 << 11  # the compression alters at least one channel
DATA = 1 << 12  # a channel with one of DATA_ROLES
CRYPTOMATTE = 1 << 13
NEW_CODEC = 1 << 14  # a compression that OpenEXR before 3.4 cannot read
COLOURED = 1 << 27  # a channel that holds colour
# File
MULTI_PART = 1 << 15
VIEWS = 1 << 16
# Attributes
COLOUR = 1 << 17  # any colour attribute
TAGGED = 1 << 18  # colorInteropID, chromaticities or acesImageContainerFlag
UNTAGGED = 1 << 19  # none of these three
ACES = 1 << 20
ACES_CONTAINER = 1 << 30  # acesImageContainerFlag is the int 1
TIME = 1 << 21  # timeCode, framesPerSecond, keyCode or capDate
CAMERA = 1 << 22
ENVIRONMENT = 1 << 23  # envmap or wrapmodes
ORIGINAL_WINDOW = 1 << 24
ID_MANIFEST = 1 << 25
ODD_NAMES = 1 << 29  # a name that is almost a standard one, or names that differ only by upper and lower case
# Chunks
INCOMPLETE = 1 << 26

# attribute name -> traits
BY_ATTRIBUTE = {
    "acesImageContainerFlag": ACES | COLOUR | TAGGED,
    **dict.fromkeys(("chromaticities", "colorInteropID"), COLOUR | TAGGED),
    **dict.fromkeys(("adoptedNeutral", "whiteLuminance", *OTHER_TAGS), COLOUR),
    **dict.fromkeys(("timeCode", "framesPerSecond", "keyCode", "capDate"), TIME),
    **dict.fromkeys(
        (
            "captureRate", "aperture", "tStop", "isoSpeed", "expTime", "nominalFocalLength", "pinholeFocalLength",
            "effectiveFocalLength", "sensorPhotositePitch", "shutterAngle", "longitude", "latitude", "utcOffset",
            "cameraCCTSetting", "worldToCamera", "worldToNDC",
        ),
        CAMERA,
    ),
    **dict.fromkeys(("envmap", "wrapmodes"), ENVIRONMENT),
    "originalDataWindow": ORIGINAL_WINDOW,
    "idManifest": ID_MANIFEST,
    **dict.fromkeys(("multiView", "view"), VIEWS),
}  # fmt: skip
