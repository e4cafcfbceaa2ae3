"""A VAST DataBase on a laptop: serves its wire protocol from a DuckDB file, and passes the vastdb SDK's own tests.

`LocalVastDB` serves in this process, `python -m vastdb_local serve` in one of its own. docs/local-vastdb.md lists what is
supported, and how to open the file by hand.
"""

from vastdb_local.address import ServerAddress, running_server
from vastdb_local.faults import ANY, Fault, FaultKind, Faults
from vastdb_local.server import LocalVastDB
from vastdb_local.successor import Successor
from vastdb_local.vast_catalog import CatalogEntry, entries_of_folder

__all__ = [
    "ANY",
    "CatalogEntry",
    "Fault",
    "FaultKind",
    "Faults",
    "LocalVastDB",
    "ServerAddress",
    "Successor",
    "entries_of_folder",
    "running_server",
]
