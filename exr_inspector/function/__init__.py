"""One event: parse it, inspect its objects, store the rows, answer."""
