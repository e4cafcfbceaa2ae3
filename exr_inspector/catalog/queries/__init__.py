"""The SQL cookbook: one `.sql` file a question."""
