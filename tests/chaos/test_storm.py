"""Short fault storms on local services lose no event; `./run bench chaos` runs longer ones."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from dataengine_local.config import RuntimeConfig
from dataengine_local.function import load_function
from dataengine_local.runtime import LocalRuntime
from exr_inspector.model import StatsMode
from tests.chaos.stack import environment, local_stack
from tests.chaos.storm import ROOT, SETTINGS, SWEEPS, RuntimeProcess, Storm, Tally, delivering, rage
from tests.support.documented import Documented


@pytest.mark.heavy
@pytest.mark.failure(
    "process",
    "all of the above at once",
    "when the queue has drained, `0` rows differ from the objects",
    "nothing",
)
@pytest.mark.parametrize(("batch", "seed"), [("0", 1), ("1", 2)], ids=["single", "batches"])
def test_after_a_storm_the_tables_equal_the_objects(
    batch: str, seed: int, caplog: pytest.LogCaptureFixture, documented: Documented
) -> None:
    tally = Tally()
    caplog.set_level(logging.INFO)
    with local_stack(None, **SETTINGS, EXR_BATCH=batch) as stack, environment(stack.environ):
        function = load_function(ROOT)
        config = RuntimeConfig(batch_size=6, batch_wait_seconds=0.02)
        with (
            LocalRuntime(function.init, function.handler, config=config) as runtime,
            delivering(lambda: runtime.url, tally) as deliverer,
        ):
            storm = Storm(stack, deliverer, tally, seed=seed, keys=12)
            rage(storm, deliverer, tally, seconds=1.2, rate=60, least=150, probability=0.05)
        differences = stack.differences(StatsMode.SAMPLED)
        assert differences == [], tally.counts
        documented(len(differences))
        answers = [invocation.error for invocation in runtime.invocations]
        for secret in (stack.database.secret_key, stack.s3.environ["S3_SECRET_KEY"]):
            assert secret not in caplog.text
            assert not any(secret in answer for answer in answers)
    assert tally.counts["answered 500"] > 0, "no fault of the storm hit a request"
    assert tally.counts["answered 204"] >= 30


@pytest.mark.heavy
def test_sweeps_find_what_has_no_event() -> None:
    tally = Tally()
    with local_stack(None, **SETTINGS, **SWEEPS) as stack, environment(stack.environ):
        function = load_function(ROOT)
        with (
            LocalRuntime(function.init, function.handler, config=RuntimeConfig()) as runtime,
            delivering(lambda: runtime.url, tally) as deliverer,
        ):
            storm = Storm(stack, deliverer, tally, seed=4, keys=12, unseen=0.5)
            rage(storm, deliverer, tally, seconds=1.2, rate=60, least=50, probability=0.03)
        assert stack.differences(StatsMode.SAMPLED) == [], tally.counts
    assert tally.counts["changes without an event"] > 10
    assert tally.counts["sweeps sent"] > 2


@pytest.mark.heavy
@pytest.mark.failure(
    "process",
    "the container is killed while busy",
    "its events are delivered again; open transactions expire; `0` rows differ from the objects",
    "nothing",
)
def test_events_survive_a_runtime_that_is_killed(tmp_path: Path, documented: Documented) -> None:
    tally = Tally()
    with local_stack(None, **SETTINGS) as stack:
        process = RuntimeProcess(stack.environ, tmp_path / "runtime.log")
        process.start()
        try:
            with delivering(lambda: process.url, tally, threads=12) as deliverer:
                storm = Storm(stack, deliverer, tally, seed=3, keys=10)

                def kill() -> None:
                    process.kill()
                    process.start()

                kills = [("runtime", 1.0, kill)]
                rage(storm, deliverer, tally, seconds=1.0, rate=50, probability=0.02, kills=kills)
        finally:
            process.kill()
        differences = stack.differences(StatsMode.SAMPLED)
        assert differences == [], tally.counts
        documented(len(differences))
        log = (tmp_path / "runtime.log").read_text(encoding="utf-8")
        assert "[COMPLETE]" in log
        assert stack.database.secret_key not in log
        assert stack.s3.environ["S3_SECRET_KEY"] not in log
    assert tally.counts["kills of the runtime"] == 1
