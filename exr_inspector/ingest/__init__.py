"""Whole file trees."""
