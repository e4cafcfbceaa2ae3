"""Pixels: sampling, decoding, statistics, hashes."""
