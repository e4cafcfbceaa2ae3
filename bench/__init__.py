"""Benchmarks, which compare a time with that of a reference in the same run; no test runs them. `./run bench` lists them."""
