"""Pixels: sampling, decoding, statistics, hashes and thumbnails."""
