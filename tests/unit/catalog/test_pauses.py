"""How long writers pause after conflicts."""

import time

from exr_inspector.catalog.sdk.connection import ConflictPauses


def test_pauses_double_with_every_conflict_up_to_a_bound_and_shrink_with_commits() -> None:
    pauses = ConflictPauses()
    found = [pauses.lengthened(time.monotonic()) for _ in range(12)]
    assert found[:4] == [0.02, 0.04, 0.08, 0.16]
    assert found[-2:] == [16.0, 16.0]
    for _ in range(3):
        pauses.shorten()
    assert 10 < pauses.lengthened(time.monotonic()) < 11, "it remembers the pause"


def test_attempts_that_fail_at_the_same_time_lengthen_the_pause_once() -> None:
    pauses = ConflictPauses()
    began = time.monotonic()
    assert pauses.lengthened(began) == 0.02
    assert [pauses.lengthened(began) for _ in range(5)] == [0.02] * 5


def test_the_first_attempt_of_all_lengthens_the_pause() -> None:
    assert ConflictPauses().lengthened(0.0) == 0.02
