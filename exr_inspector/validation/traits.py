"""Cheap properties of parts, as bits: a rule names those without which it cannot find anything, and is not called then.

Plain integers, since arithmetic on IntFlag costs a microsecond each time. A trait never decides a verdict: a rule that is
called without its traits finds nothing (the tests hold that).
"""

from __future__ import annotations

ALWAYS = 1 << 0
# Geometry
WINDOWS = 1 << 1  # data and display window differ, or the display window does not start at (0, 0)
SCREEN = 1 << 2  # pixel aspect ratio, screen window centre or width other than 1, (0, 0), 1
TILED = 1 << 3
DEEP = 1 << 4
FLAT_TILES = 1 << 5  # a tile description in a part without tiles
# Channels
LAYERED = 1 << 6  # a channel name with a dot
UNUSUAL = 1 << 7  # a component other than R, G, B, A in the base layer
HALF = 1 << 8
FLOAT = 1 << 9
UINT = 1 << 10
SUBSAMPLED = 1 << 11
LOSSY = 1 << 12  # the compression alters at least one channel
DATA = 1 << 13  # a channel that holds something else than colour or alpha
CRYPTOMATTE = 1 << 14
PARTIAL_RGB = 1 << 15  # a layer that holds some of R, G, B (or of lower case or long names), but is not plain RGB
# File
MULTI_PART = 1 << 16
VIEWS = 1 << 17
COLOUR = 1 << 18  # any colour attribute
UNTAGGED = 1 << 19  # neither colorInteropID, chromaticities nor acesImageContainerFlag
ACES = 1 << 20
# Attributes
TIME = 1 << 21  # timeCode, framesPerSecond, keyCode or capDate
CAMERA = 1 << 22
ENVIRONMENT = 1 << 23  # envmap or wrapmodes
ORIGINAL_WINDOW = 1 << 24
ID_MANIFEST = 1 << 25
# Chunks
INCOMPLETE = 1 << 26
NEW_CODEC = 1 << 28

# attribute name -> trait: one set operation per part finds all that apply
BY_ATTRIBUTE = {
    "acesImageContainerFlag": ACES | COLOUR,
    "adoptedNeutral": COLOUR,
    "chromaticities": COLOUR,
    "colorInteropID": COLOUR,
    "whiteLuminance": COLOUR,
    "timeCode": TIME,
    "framesPerSecond": TIME,
    "keyCode": TIME,
    "capDate": TIME,
    "captureRate": CAMERA,
    "aperture": CAMERA,
    "tStop": CAMERA,
    "isoSpeed": CAMERA,
    "expTime": CAMERA,
    "envmap": ENVIRONMENT,
    "wrapmodes": ENVIRONMENT,
    "originalDataWindow": ORIGINAL_WINDOW,
    "idManifest": ID_MANIFEST,
    "multiView": VIEWS,
    "view": VIEWS,
}
