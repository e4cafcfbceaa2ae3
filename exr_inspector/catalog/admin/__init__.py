"""Administration of the tables: setup, check, pruning, repair, comparison with storage."""
