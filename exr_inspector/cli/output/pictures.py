"""Shows thumbnails in a terminal: by the protocol of kitty or iTerm2 if the environment names such a terminal, else as blocks.

Each half block character shows two pixels, one above the other, in 24-bit colour. tmux and screen do not pass on the protocols,
so blocks are used there too.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping
from enum import Enum
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from PIL import Image

_KITTY_BYTES = 4096  # in one escape sequence
_MAX_COLUMNS = 80
_INDENT = "  "


class Protocol(str, Enum):
    """Ways to show a picture in a terminal."""

    KITTY = "kitty"
    ITERM2 = "iterm2"
    BLOCKS = "blocks"


def protocol_of(environ: Mapping[str, str]) -> Protocol:
    """The protocol of the terminal that the environment names."""
    term, program = environ.get("TERM", ""), environ.get("TERM_PROGRAM", "")
    if "TMUX" in environ or term.startswith("screen"):
        return Protocol.BLOCKS
    if "KITTY_WINDOW_ID" in environ or "kitty" in term or program == "ghostty":
        return Protocol.KITTY
    if program in {"iTerm.app", "WezTerm", "mintty"} or environ.get("LC_TERMINAL") == "iTerm2":
        return Protocol.ITERM2
    return Protocol.BLOCKS


def picture_text(encoded: bytes, protocol: Protocol, columns: int) -> str:
    """Lines that show a picture when they are written to a terminal.

    Args:
        encoded: The picture, in any format that Pillow reads.
        protocol: The terminal's protocol.
        columns: The terminal's width, characters.
    """
    from PIL import Image  # noqa: PLC0415 - an optional dependency, needed for thumbnails only

    with Image.open(io.BytesIO(encoded)) as opened:
        image = opened.convert("RGB")
    if protocol is Protocol.BLOCKS:
        return _blocks(image, max(1, min(columns - len(_INDENT), _MAX_COLUMNS)))
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    png = base64.standard_b64encode(buffer.getvalue()).decode()
    if protocol is Protocol.ITERM2:
        return f"{_INDENT}\x1b]1337;File=inline=1;size={len(buffer.getvalue())}:{png}\a\n"
    return f"{_INDENT}{_kitty(png)}\n"


def _kitty(png: str) -> str:
    pieces = [png[start : start + _KITTY_BYTES] for start in range(0, len(png), _KITTY_BYTES)]
    last = len(pieces) - 1
    # f=100: PNG; a=T: show it; q=2: send no response; m: whether more follows.
    return "".join(
        f"\x1b_G{'f=100,a=T,q=2,' if number == 0 else ''}m={int(number < last)};{piece}\x1b\\"
        for number, piece in enumerate(pieces)
    )


def _blocks(image: Image.Image, columns: int) -> str:
    width = min(columns, image.width)
    rows = max(1, round(image.height * width / image.width / 2))
    pixels = np.asarray(image.resize((width, 2 * rows))).tolist()
    lines = []
    for upper, lower in zip(pixels[::2], pixels[1::2], strict=True):
        pairs = zip(upper, lower, strict=True)
        cells = (f"\x1b[38;2;{a[0]};{a[1]};{a[2]};48;2;{b[0]};{b[1]};{b[2]}m\u2580" for a, b in pairs)
        lines.append(f"{_INDENT}{''.join(cells)}\x1b[0m\n")
    return "".join(lines)
