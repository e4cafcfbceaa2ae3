"""All settings, read once into one frozen `Settings`."""

from exr_inspector.settings.fields import (
    DATABASE,
    FUNCTION,
    GROUPS,
    NAMES,
    OBJECTS,
    PIXELS,
    READING,
    SELECTION_SETTING,
    CatalogConnection,
    S3Connection,
    Settings,
    field_group,
    field_unit,
    is_needed,
    limit_text,
    setting_name,
)
from exr_inspector.settings.loading import SECRETS_DIR, load_settings, unknown_settings
from exr_inspector.settings.values import Mount, Secret, View, local_path

__all__ = [
    "DATABASE", "FUNCTION", "GROUPS", "NAMES", "OBJECTS", "PIXELS", "READING", "SECRETS_DIR", "SELECTION_SETTING",
    "CatalogConnection", "Mount", "S3Connection", "Secret", "Settings", "View", "field_group", "field_unit", "is_needed",
    "limit_text", "load_settings", "local_path", "setting_name", "unknown_settings",
]  # fmt: skip
