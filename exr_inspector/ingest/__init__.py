"""Ingest of whole file trees."""
