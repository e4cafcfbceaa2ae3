"""Bringing the tables up to date with listed objects: what a sweep, an ingest and a reconciliation have in common."""
