"""Reads files, pages of files and frames of sequences from the tables."""
