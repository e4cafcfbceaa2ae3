"""Administration of the tables: set up and check, prune, repair, reconcile with storage."""
