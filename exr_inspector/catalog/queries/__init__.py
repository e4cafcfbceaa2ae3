"""The SQL cookbook: one `.sql` file for each query."""
