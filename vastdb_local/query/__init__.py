"""Queries of the SDK (`GET ?data`): read from their FlatBuffers body, turned into SQL, answered in chunks."""
