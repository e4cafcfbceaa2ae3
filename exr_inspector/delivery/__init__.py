"""Deliveries: recognise sequences by file names, and check whether each is complete and free of errors."""
