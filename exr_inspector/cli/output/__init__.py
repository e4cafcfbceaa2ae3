"""Prints results."""
