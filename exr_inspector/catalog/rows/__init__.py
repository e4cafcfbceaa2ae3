"""Rows of an inspection as Arrow tables, and back."""
