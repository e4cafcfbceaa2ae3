"""Writes a checked delivery or stored sequences as HTML pages."""
