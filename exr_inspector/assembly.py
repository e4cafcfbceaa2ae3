"""From settings to an inspector: who gets which limit. `assembly_catalog` does the same for the tables."""

from __future__ import annotations

from exr_inspector.inspector import Inspector, InspectorConfig, LeaderMode
from exr_inspector.model import StatsMode
from exr_inspector.pixels import DecodeBudget, PixelConfig
from exr_inspector.settings import Settings


def inspector_from(
    settings: Settings, *, stats: StatsMode | None = None, levels: str | None = None, with_hash: bool | None = None
) -> Inspector:
    """An inspector with the settings' limits.

    Args:
        settings: The settings.
        stats: How deep to look at pixels, if not as the settings say.
        levels: `first` or `all` levels of mipmaps and ripmaps, if not as the settings say.
        with_hash: Whether to hash file and pixels, if not as the settings say.
    """
    hashed = settings.hash if with_hash is None else with_hash
    pixels = PixelConfig(
        max_sample_bytes=settings.stats_bytes,
        max_sample_requests=settings.stats_requests,
        all_levels=(levels or settings.stats_levels) == "all",
        hash_file=hashed,
        hash_pixels=hashed,
    )
    config = InspectorConfig(
        initial_read_bytes=settings.initial_read_bytes,
        max_requests=settings.max_requests,
        leaders=LeaderMode(settings.leaders),
        rebuild=settings.rebuild,
        limits=settings.limits,
        stats=StatsMode(settings.stats) if stats is None else stats,
        pixels=pixels,
    )
    budget = DecodeBudget(memory_bytes=settings.memory_mib << 20, workers=settings.decode_threads)
    return Inspector(config, budget=budget)
