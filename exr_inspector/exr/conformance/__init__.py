"""What of a header deviates from the format."""
