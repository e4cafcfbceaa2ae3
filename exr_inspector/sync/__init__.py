"""Bring the tables up to date with listed objects; used by sweeps, ingest and reconciliation."""
