"""Brings the tables up to date with listed objects; shared by sweeps, ingest and reconciliation."""
