"""The OpenEXR file format, sans I/O: bytes in, values out. Imports nothing of this project but `errors`.

Nothing here reads a file, a clock, the environment or a socket. Callers hand in bytes and learn which bytes are missing.
"""
