"""A delivery or a sequence as one HTML file: what a check or the tables say, for people. Reads no pixel and judges nothing."""
