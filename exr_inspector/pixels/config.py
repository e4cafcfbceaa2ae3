"""How pixels are read: budgets, and which figures are made."""

from __future__ import annotations

from dataclasses import dataclass

from exr_inspector.model import Thumbnails


@dataclass(frozen=True, slots=True)
class PixelConfig:
    """How pixels are read.

    Attributes:
        max_sample_bytes: Most bytes that a sample reads of one file; a file whose chunks are no larger is read whole.
        max_sample_requests: Most requests of a sample.
        sample_chunk_bytes: Most bytes of a sample where `max_sample_bytes` does not pay for two chunks of each part.
        seed: Seed of the sample plan.
        all_levels: Whether levels above the first are read, too.
        read_bytes: Bytes of one request when everything is read.
        strip_bytes: Most decoded bytes that a thread works on at a time, few channels get by with less; a single chunk may
            be larger.
        max_picks: Values of all channels together that are kept for percentiles and histograms.
        max_faults: Damaged chunks after which reading ends.
        hash_file: Whether to hash the file's bytes; only when everything is read.
        hash_pixels: Whether to hash decoded pixels; only when everything is read.
        with_zeros: Whether to note where the colour of parts is zero; only when everything is read.
        hash_bytes: Most memory for rows of tiles that wait to be hashed.
        max_ids: Distinct ids of Cryptomattes that are counted; only when everything is read.
        max_objects: Objects of Cryptomattes that are listed, those that cover the most.
        thumbnails: Which to make: of all pixels where all are read, otherwise of the preview or a small level, if there is one.
    """

    max_sample_bytes: int = 4 << 20
    max_sample_requests: int = 8
    sample_chunk_bytes: int = 32 << 20
    seed: int = 0
    all_levels: bool = False
    read_bytes: int = 8 << 20
    strip_bytes: int = 16 << 20
    max_picks: int = 1 << 24
    max_faults: int = 1000
    hash_file: bool = False
    hash_pixels: bool = False
    with_zeros: bool = False
    hash_bytes: int = 256 << 20
    max_ids: int = 1 << 18
    max_objects: int = 0
    thumbnails: Thumbnails = Thumbnails.OFF
