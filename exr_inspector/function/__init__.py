"""One event: parse it, inspect its objects, store their rows, return the result."""
