"""The attributes that OpenEXR 3.5 defines: their types and the groups in which they are displayed.

Sources: `ImfStandardAttributes.h`, `openexr_attr.h` and the file layout document of OpenEXR 3.5.3.
"""

from __future__ import annotations

from typing import NamedTuple


class Standard(NamedTuple):
    """The type that OpenEXR defines for an attribute name, and its display group."""

    type_name: str
    group: str


_GROUPS = {
    "structure": {
        "channels": "chlist", "chunkCount": "int", "compression": "compression", "dataWindow": "box2i",
        "deepImageState": "deepImageState", "displayWindow": "box2i", "envmap": "envmap", "idManifest": "idmanifest",
        "lineOrder": "lineOrder", "maxSamplesPerPixel": "int", "multiView": "stringvector", "name": "string",
        "originalDataWindow": "box2i", "pixelAspectRatio": "float", "preview": "preview", "screenWindowCenter": "v2f",
        "screenWindowWidth": "float", "tiles": "tiledesc", "type": "string", "version": "int", "view": "string",
        "worldToCamera": "m44f", "worldToNDC": "m44f", "wrapmodes": "string", "xDensity": "float",
        "dwaCompressionLevel": "float",
    },
    "colour": {
        "acesImageContainerFlag": "int", "adoptedNeutral": "v2f", "chromaticities": "chromaticities",
        "colorInteropID": "string", "lookModTransform": "string", "renderingTransform": "string", "whiteLuminance": "float",
    },
    "camera": {
        "altitude": "float", "aperture": "float", "cameraCCTSetting": "float", "cameraColorBalance": "v2f",
        "cameraFirmwareVersion": "string", "cameraLabel": "string", "cameraMake": "string", "cameraModel": "string",
        "cameraSerialNumber": "string", "cameraTintSetting": "float", "cameraUuid": "string",
        "effectiveFocalLength": "float", "entrancePupilOffset": "float", "expTime": "float", "focus": "float",
        "isoSpeed": "float", "latitude": "float", "lensFirmwareVersion": "string", "lensMake": "string",
        "lensModel": "string", "lensSerialNumber": "string", "longitude": "float", "nominalFocalLength": "float",
        "pinholeFocalLength": "float", "sensorAcquisitionRectangle": "box2i", "sensorCenterOffset": "v2f",
        "sensorOverallDimensions": "v2f", "sensorPhotositePitch": "float", "shutterAngle": "float", "tStop": "float",
    },
    "timecode": {
        "capDate": "string", "captureRate": "rational", "framesPerSecond": "rational", "imageCounter": "int",
        "keyCode": "keycode", "timeCode": "timecode", "utcOffset": "float",
    },
    "production": {
        "ascFramingDecisionList": "string", "comments": "string", "owner": "string", "reelName": "string",
    },
}  # fmt: skip

STANDARD: dict[str, Standard] = {
    name: Standard(type_name, group) for group, names in _GROUPS.items() for name, type_name in names.items()
}

# Attributes that every part must have; some part types require more (see `conformance`).
REQUIRED = (
    "channels", "compression", "dataWindow", "displayWindow", "lineOrder", "pixelAspectRatio", "screenWindowCenter",
    "screenWindowWidth",
)  # fmt: skip

DEPRECATED = frozenset({"dwaCompressionLevel", "renderingTransform", "lookModTransform", "maxSamplesPerPixel"})
