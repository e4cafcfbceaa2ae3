"""A VAST DataBase on a laptop: its wire protocol over an embedded DuckDB file, good enough for the vastdb SDK's own tests.

`LocalVastDB` serves; docs/local-vastdb.md tells what is supported and how to open the file by hand. Nothing in here runs on
a cluster, and nothing outside `local` and the command line imports it.
"""

from vastdb_local.faults import ANY, Fault, FaultKind, Faults
from vastdb_local.server import FILE_SUFFIXES, LocalVastDB

__all__ = ["ANY", "FILE_SUFFIXES", "Fault", "FaultKind", "Faults", "LocalVastDB"]
