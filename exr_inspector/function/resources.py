"""Settings, clients and instruments of a function. Made once in `init`; safe to use from many threads."""

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
    """Settings, and what is made of them."""

    settings: Settings
    opener: SourceOpener
    inspector: Inspector
    policies: PolicySource
    catalog: Catalog
    telemetry: Telemetry

    @classmethod
    def from_settings(cls, settings: Settings, telemetry: Telemetry) -> Resources:
        """Everything the settings say. Connects to nothing but the policy's object, where it is one.

        Raises:
            SettingsError: A setting that is needed is missing.
            PolicyError: The policy is wrong.
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
