"""A VAST DataEngine runtime on a laptop: it calls any function's `init` and `handler` over the platform's HTTP contract."""
