"""Reads of the tables: one file, pages of files, frames of a sequence."""
