"""`./run docs`: write every generated page of `docs/`, and the JSON schema of policies; `--check` only compares them."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from docs.build import delivery, demo, failures, queries, rules, settings, tables
from exr_inspector.validation.policies.schema import json_schema

ROOT = Path(__file__).resolve().parents[2]


def _schema() -> str:
    return json.dumps(json_schema(), indent=2, ensure_ascii=False) + "\n"


PAGES: Mapping[str, Callable[[], str]] = {
    "docs/settings.md": settings.render,
    "docs/tables.md": tables.render,
    "docs/queries.md": queries.render,
    "docs/rules.md": rules.render,
    "docs/demo.md": demo.render,
    "docs/failures.md": failures.render,
    "deploy/policy.schema.json": _schema,
    "docs/delivery.md": delivery.render,
}


def outdated() -> list[str]:
    """The generated files whose content differs from what the code generates now."""
    return [
        name
        for name, render in PAGES.items()
        if not (ROOT / name).is_file() or (ROOT / name).read_text(encoding="utf-8") != render()
    ]


def main() -> None:
    """Write the outdated files and print their names; with `--check`, only print them and exit with 1."""
    parser = argparse.ArgumentParser(prog="./run docs", description="Write the generated pages of docs/.")
    parser.add_argument("--check", action="store_true", help="Write nothing; exit 1 if a page is outdated.")
    is_check = parser.parse_args().check
    names = outdated()
    for name in names:
        if not is_check:
            (ROOT / name).write_text(PAGES[name](), encoding="utf-8")
        print(f"{name}: {'outdated, ./run docs writes it' if is_check else 'written'}")
    sys.exit(1 if is_check and names else 0)


if __name__ == "__main__":
    main()
