"""exr-inspector: makes every OpenEXR file that is written into VAST storage known to VAST DataBase."""

__version__ = "0.1.0"
