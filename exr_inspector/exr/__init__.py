"""The OpenEXR file format, sans I/O: functions take bytes and return values. Of this project it imports only `errors`.

No module here reads a file, a clock, the environment or a socket. Callers pass in bytes; functions that need more bytes request
them by offset.
"""
