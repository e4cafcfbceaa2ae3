"""The rules, a module a group; `exr_inspector.validation.registry` collects them."""
