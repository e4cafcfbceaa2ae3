"""Cryptomattes: what a header declares of them, where their channels are, and the ids of names. Pure."""
