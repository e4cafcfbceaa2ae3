"""The rules, one module for each group; `exr_inspector.validation.registry` collects them."""
