"""Rules that compare the frames of a sequence: numbers and headers, files, times, pixels, light, steady properties."""
