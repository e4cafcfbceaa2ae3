"""Facts about a file that several rules ask for."""
