"""The public API behind `import exr_inspector`: functions on files and deliveries, with typed results (`docs/python.md`)."""
