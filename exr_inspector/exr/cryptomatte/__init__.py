"""Cryptomattes: their declarations, channels and manifests, and the ids of names. No I/O."""
