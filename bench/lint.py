"""`./run lint`: the linters and the type checker, as CI runs them."""

from __future__ import annotations

import subprocess
import sys

CHECKS = (["ruff", "check", "."], ["ruff", "format", "--check", "."], ["mypy"])


def main() -> None:
    """Run every check, also after one failed; exit 1 if any did."""
    failed = [check for check in CHECKS if subprocess.run([sys.executable, "-m", *check], check=False).returncode]
    for check in failed:
        print("failed: " + " ".join(check), file=sys.stderr)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
