"""Chunks: where they should be, the offset tables, and the chunk leaders in the file."""
