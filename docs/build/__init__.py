"""Generate the reference pages of `docs/`: `./run docs`."""
