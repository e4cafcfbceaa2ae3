"""Checks of a header against the OpenEXR format."""
