"""The arithmetic of `./run bench pruning`, and how it reads a query's predicates."""

from __future__ import annotations

import random

import pytest

from bench._pruning_reads import Read, sql_reads
from bench.pruning import GROUP_ROWS, groups_read, groups_with_overlap, neighbours
from exr_inspector.catalog.schema import BY_NAME, FILES, INSPECTIONS, PARTS

ROWS = dict.fromkeys(BY_NAME, 1.0)


@pytest.mark.parametrize(("rows", "groups"), [(0, 1), (1, 1), (2, 2), (11, 2), (12, 3), (21, 3), (22, 4)])
def test_neighbours_lie_in_as_many_groups_as_the_worst_start_gives(rows: int, groups: int) -> None:
    worst = max((start + max(rows, 1) - 1) // 10 - start // 10 + 1 for start in range(10))
    assert neighbours(rows, 10) == worst == groups


@pytest.mark.parametrize("share", [0.0, 0.2])
def test_the_formula_for_random_keys_equals_a_simulation(share: float) -> None:
    dice = random.Random(7)
    met = 0
    for _ in range(4_000):
        low = dice.uniform(0, 1 - share)
        keys = [dice.random() for _ in range(5)]
        met += min(keys) <= low + share and max(keys) >= low
    assert groups_with_overlap(1.0, 5, share) == pytest.approx(met / 4_000, abs=0.03)


def test_a_look_up_reads_one_group_when_sorted_and_all_when_not() -> None:
    read, files = Read(FILES, "path"), 1_000 * GROUP_ROWS
    assert groups_read(read, "sorted", files, ROWS, GROUP_ROWS) == 1
    assert groups_read(read, "random", files, ROWS, GROUP_ROWS) == pytest.approx(1_000, rel=0.001)
    by_shot = groups_read(read, "by shot", files, ROWS, GROUP_ROWS)  # 524 shots a group
    assert by_shot == pytest.approx(1_000 * (1 - 2 / 525.288), rel=0.001)


def test_a_shot_that_fills_groups_of_its_own_is_read_whole() -> None:
    assert groups_read(Read(FILES, "path"), "by shot", 10**6, ROWS, 100) == 11


def test_a_table_is_narrowed_by_comparisons_with_its_own_path_only() -> None:
    joined = "SELECT 1 FROM files f JOIN parts p ON p.file_id = f.file_id{} WHERE f.path = 'a'"
    assert list(sql_reads(joined.format(""))) == [Read(FILES, "path"), Read(PARTS)]
    assert list(sql_reads(joined.format(" AND p.file_path >= 'a' AND p.file_path < 'b'"))) == [
        Read(FILES, "path"),
        Read(PARTS, "file_path", is_range=True),
    ]
    assert list(sql_reads("SELECT 1 FROM files WHERE path = 'a' OR width = 1")) == [Read(FILES)]
    assert list(sql_reads("SELECT 1 FROM inspections WHERE file_path = 'a'")) == [Read(INSPECTIONS)]
