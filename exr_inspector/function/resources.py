"""Settings, clients and telemetry of the function, created once in `init`; safe to share between threads."""

from __future__ import annotations

import logging
from typing import NamedTuple

from exr_inspector.catalog import Catalog, CatalogConfig
from exr_inspector.catalog.sdk import silence_sdk_loggers
from exr_inspector.function.telemetry import Telemetry
from exr_inspector.inspector import Inspector
from exr_inspector.settings import Settings
from exr_inspector.storage import SourceOpener
from exr_inspector.validation.policies.source import PolicySource


class Resources(NamedTuple):
    """The settings and the objects that are created from them."""

    settings: Settings
    opener: SourceOpener
    inspector: Inspector
    policies: PolicySource
    catalog: Catalog
    telemetry: Telemetry

    @classmethod
    def from_settings(cls, settings: Settings, telemetry: Telemetry) -> Resources:
        """Create all objects from the settings. It sends no request except for a policy that is stored as an object.

        Raises:
            SettingsError: A required setting is missing.
            PolicyError: The policy is invalid.
        """
        silence_sdk_loggers()
        for warning in settings.warnings:
            telemetry.line("SETTINGS", "warning", level=logging.WARNING, detail=warning)
        return cls(
            settings,
            SourceOpener(settings),
            Inspector.from_settings(settings, is_isolated=True),
            PolicySource.from_settings(settings, logger=telemetry.logger),
            Catalog(CatalogConfig.from_settings(settings.require_catalog())),
            telemetry,
        )
