"""Cases of the rules in `validation/rules/show.py`."""

from __future__ import annotations

from tests.support.exrbytes import a_string
from tests.unit.validation.cases.made.metadata import SHOW, extra
from tests.unit.validation.judging import Case

CASES = [
    Case("SHOW-ATTRIBUTE", extra(a_string("shot", "x")), extra(a_string("shot", "sh010")), parameters=SHOW),
    Case(
        "SHOW-NAME",
        extra(),
        extra(),
        parameters={"file_name": r"beauty\.\d{4}\.exr"},
        keys=("s/a.exr", "s/beauty.1001.exr"),
    ),
]
