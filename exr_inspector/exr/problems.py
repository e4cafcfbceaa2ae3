"""What is wrong with a file that can still be read: each oddity as a value with the code of the rule it breaks.

The codes are those of the rule catalogue (`./run rules`). The reader reports and repairs nothing; whether a problem is an
error, a warning or of no interest is for a policy to say.
"""

from __future__ import annotations

from typing import NamedTuple


class Problem(NamedTuple):
    """One observation.

    Attributes:
        code: Rule code, such as `STR-ATTR-DUP`.
        message: What is wrong, in words.
        part: Index of the part, None for the file as a whole.
        offset: Byte offset in the file where it shows, None where it has no place.
        found: What the bytes say.
        expected: What the format asks for.
        channel: Name of the channel, where it concerns one.
        fatal: True when the OpenEXR library cannot open the file because of it.
    """

    code: str
    message: str
    part: int | None = None
    offset: int | None = None
    found: str = ""
    expected: str = ""
    channel: str | None = None
    fatal: bool = False
