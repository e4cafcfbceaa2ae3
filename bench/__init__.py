"""Benchmarks: ratios to a reference in the same run. They are not part of the tests. `./run bench` lists them."""
