"""Chunks: their layout, the chunk offset tables, and the chunk leaders."""
