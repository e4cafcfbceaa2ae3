"""Make `tests` this package even if an installed distribution has a package of that name."""
