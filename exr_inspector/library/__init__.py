"""The public API behind `import exr_inspector`: files and deliveries in, typed results out. `docs/python.md` shows it."""
