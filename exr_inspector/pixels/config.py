"""Options for reading pixels: budgets, and which results are computed."""

from __future__ import annotations

from dataclasses import dataclass

from exr_inspector.model import Thumbnails


@dataclass(frozen=True, slots=True)
class PixelConfig:
    """Options for reading pixels.

    Attributes:
        max_sample_bytes: Maximum bytes that a sample reads of one file; a file whose chunks are not larger is read completely.
        max_sample_requests: Maximum number of requests of a sample.
        sample_chunk_bytes: Maximum bytes of a sample if `max_sample_bytes` is too small for two chunks of each part.
        seed: Seed of the sample plan.
        all_levels: Whether levels after the first are read, too.
        read_bytes: Size of one request in bytes in a full read.
        strip_bytes: Maximum decoded bytes that a thread processes at a time, less for few channels; a single chunk may be
            larger.
        max_picks: Maximum number of values kept for percentiles and histograms, of all channels together.
        max_faults: Number of damaged chunks after which reading ends.
        hash_file: Whether to hash the file's bytes; only in a full read.
        hash_pixels: Whether to hash decoded pixels; only in a full read.
        with_zeros: Whether to record where the colour of parts is zero; only if all chunks are read.
        hash_bytes: Maximum memory in bytes for rows of tiles that wait to be hashed.
        max_ids: Maximum number of distinct Cryptomatte ids that are counted; only in a full read.
        max_objects: Maximum number of listed Cryptomatte objects, those with the largest coverage.
        thumbnails: Which thumbnails to make: from all pixels if all are read, otherwise from the preview or a small level.
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
