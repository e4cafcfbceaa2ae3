"""Budgets of requests and bytes: reserving from several at once, and returning what was not used."""

from __future__ import annotations

import pytest

from exr_inspector.errors import BudgetExceeded
from exr_inspector.storage import ReadBudget
from exr_inspector.storage.budget import Allowance, reserve_all


def test_what_one_budget_refuses_costs_no_other() -> None:
    wide, narrow = (Allowance(ReadBudget(requests=2, bytes=size), "b/a.exr") for size in (100, 10))
    with pytest.raises(BudgetExceeded):
        reserve_all([wide, narrow], requests=2, size=100)
    reserve_all([wide], requests=2, size=100)
    for more in ({"requests": 1, "size": 0}, {"requests": 0, "size": 1}):
        with pytest.raises(BudgetExceeded):
            reserve_all([wide], **more)
