"""The vastdb SDK's own test suite, unchanged, against our local server over real HTTP.

`LEFT_OUT` is the whole list of what is left out, each with its reason; everything else has to pass.
"""

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from vastdb_local import LocalVastDB, entries_of_folder

PARQUET_IMPORT = "imports Parquet objects, which a server without an object store has none of"
VECTOR_INDEX = "vector indexes are not served"
CATALOG = "snapshots and the audit log are the cluster's own"
ADBC = "needs VAST's ADBC driver, which is not installed"

DESELECTED = {
    "tests/test_imports.py::test_parallel_imports_with_endpoints": PARQUET_IMPORT,
    "tests/test_imports.py::test_parallel_imports_no_endpoints": PARQUET_IMPORT,
    "tests/test_imports.py::test_create_table_from_files": PARQUET_IMPORT,
    "tests/test_imports.py::test_import_partitioned_files": PARQUET_IMPORT,
    "tests/test_imports.py::test_import_name_mismatch_error": PARQUET_IMPORT,
    "tests/test_imports.py::test_import_type_mismatch_error": PARQUET_IMPORT,
    "tests/test_imports.py::test_zip_imports": PARQUET_IMPORT,
    "tests/test_vector_index.py::test_create_table_with_vector_index_basic_metadata[schema_l2sq": VECTOR_INDEX,
    "tests/test_vector_index.py::test_create_table_with_vector_index_basic_metadata[schema_ip": VECTOR_INDEX,
    "tests/test_vector_index.py::test_create_table_with_invalid_vector_index": VECTOR_INDEX,
    "tests/test_vector_index.py::test_vector_index_metadata_from_stats": VECTOR_INDEX,
    "tests/test_vector_index.py::test_vector_index_quantization_values": VECTOR_INDEX,
    "tests/test_vector_search.py::test_sanity": VECTOR_INDEX,
    "tests/test_vector_search.py::test_with_predicates": VECTOR_INDEX,
    "tests/test_tables.py::test_catalog_snapshots_select": CATALOG,
    "tests/test_tables.py::test_audit_log_select": CATALOG,
    "tests/test_duckdb.py::test_duckdb": "takes what DuckDB's arrow() returns for a table, which in the DuckDB we pin is a"
    " reader; test_statements.py::test_duckdb_reads_a_select does the same with to_arrow_table()",
}

# Left out only where the driver is missing; with it all six tests of ADBC pass (the other two replace the driver by a mock).
OF_THE_DRIVER = {
    "tests/test_adbc_integration.py::test_sanity": ADBC,
    "tests/test_adbc_integration.py::test_adbc_shares_tx": ADBC,
    "tests/test_adbc_integration.py::test_adbc_conn_unreachable_tx_close": ADBC,
    "tests/test_adbc_integration.py::test_two_simulatnious_txs_with_adbc": ADBC,
}
HAS_DRIVER = importlib.util.find_spec("adbc_driver_vastdb") is not None
LEFT_OUT = DESELECTED if HAS_DRIVER else DESELECTED | OF_THE_DRIVER

# What the suite skips by itself: the whole of test_blob_expansion.py (a skip at its top, naming an issue of VAST's).
SKIPPED_BY_THE_SUITE = 1
PASSED = 575 if HAS_DRIVER else 571
DESELECTED_COUNT = 34 if HAS_DRIVER else 38  # the number of tests in `LEFT_OUT`, with all parameters
SUITE = Path(importlib.util.find_spec("vastdb").submodule_search_locations[0])
PLUGIN = Path(__file__).parents[2] / "unit" / "vastdb_local"


def suite_command(server: LocalVastDB) -> list[str]:
    return [
        *(
            sys.executable,
            "-m",
            "pytest",
            str(SUITE / "tests"),
            "-c",
            os.devnull,
            f"--rootdir={SUITE}",
            f"--confcutdir={SUITE}",
        ),
        *("-p", "no:cacheprovider", "-p", PLUGIN_NAME, "-p", "no:xdist", "-q", "-rfEs", "--tb=short"),
        *("--tabular-endpoint-url", server.endpoint, "--tabular-bucket-name", server.bucket),
        *("--tabular-access-key", server.access_key, "--tabular-secret-key", server.secret_key),
        *(part for node in LEFT_OUT for part in ("--deselect", node)),
    ]


PLUGIN_NAME = "sdk_suite_plugin"


@pytest.mark.heavy
@pytest.mark.timeout(900)
def test_the_sdks_own_tests_pass(tmp_path):
    assert importlib.util.find_spec("pandas"), "the SDK's tests import pandas: it belongs in requirements-dev.txt"
    with LocalVastDB(tmp_path / "suite.duckdb") as server:
        server.write_catalog(entries_of_folder(Path(__file__).parent, root="/tests"))
        environment = dict(
            os.environ, PYTHONPATH=os.pathsep.join([str(PLUGIN), *sys.path]), PYTHONDONTWRITEBYTECODE="1"
        )
        run = subprocess.run(
            suite_command(server), cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
        )
        summary = run.stdout.strip().splitlines()[-1] if run.stdout.strip() else run.stderr[-2000:]
        sys.stdout.write(f"vastdb SDK suite: {summary}, {sum(server.counters().values())} requests\n")
        assert run.returncode == 0, run.stdout[-6000:]
        counts = {word: int(number) for number, word in re.findall(r"(\d+) (\w+)", summary)}
        assert counts.keys() - {"warnings", "warning", "s", "seconds"} <= {"passed", "skipped", "deselected"}, summary
        assert counts["passed"] == PASSED
        assert counts["deselected"] == DESELECTED_COUNT
        assert counts["skipped"] == SKIPPED_BY_THE_SUITE
        assert server.open_transactions() == 0
