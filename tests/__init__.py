"""Makes `tests` this package, also where an installed distribution brings a package of the same name."""
