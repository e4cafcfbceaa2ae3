"""Deliveries: which files are frames of one sequence, and whether the sequence is complete and clean."""
