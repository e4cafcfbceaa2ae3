"""Pictures for terminals: the protocol that is chosen, and what is written."""

from __future__ import annotations

import base64
import io
import re

import pytest
from PIL import Image

from exr_inspector.cli.output.pictures import Protocol, picture_text, protocol_of


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({}, Protocol.BLOCKS),
        ({"TERM": "xterm-kitty"}, Protocol.KITTY),
        ({"TERM": "xterm-256color", "KITTY_WINDOW_ID": "3"}, Protocol.KITTY),
        ({"TERM": "tmux-256color", "KITTY_WINDOW_ID": "3", "TMUX": "/tmp/tmux"}, Protocol.BLOCKS),
        ({"TERM_PROGRAM": "ghostty"}, Protocol.KITTY),
        ({"TERM_PROGRAM": "iTerm.app"}, Protocol.ITERM2),
        ({"TERM": "screen", "LC_TERMINAL": "iTerm2"}, Protocol.BLOCKS),
        ({"LC_TERMINAL": "iTerm2"}, Protocol.ITERM2),
    ],
)
def test_the_environment_tells_the_protocol(environ: dict[str, str], expected: Protocol) -> None:
    assert protocol_of(environ) is expected


def picture(width: int, height: int) -> bytes:
    image = Image.effect_noise((width, height), 90).convert("RGB")
    image.putpixel((0, 0), (255, 0, 255))
    buffer = io.BytesIO()
    image.save(buffer, "WEBP", lossless=True)
    return buffer.getvalue()


def test_half_blocks_are_as_wide_as_the_terminal_and_end_their_colours() -> None:
    lines = picture_text(picture(40, 21), Protocol.BLOCKS, 200).splitlines()
    assert [line.count("\u2580") for line in lines] == [40] * 10
    assert all(line.endswith("\x1b[0m") for line in lines)
    assert picture_text(picture(40, 20), Protocol.BLOCKS, 12).splitlines()[0].count("\u2580") == 10


@pytest.mark.parametrize("protocol", [Protocol.KITTY, Protocol.ITERM2])
def test_terminals_get_the_whole_picture_as_png(protocol: Protocol) -> None:
    text = picture_text(picture(160, 90), protocol, 80)
    if protocol is Protocol.KITTY:
        pieces = re.findall("\x1b_G([^;]*);([^\x1b]*)\x1b", text)
        assert [header[-3:] for header, _ in pieces] == ["m=1"] * (len(pieces) - 1) + ["m=0"]
        assert max(len(data) for _, data in pieces) <= 4096
        data = "".join(data for _, data in pieces)
    else:
        data = text.partition(":")[2].partition("\a")[0]
    with Image.open(io.BytesIO(base64.b64decode(data))) as shown:
        assert (shown.format, shown.size, shown.getpixel((0, 0))) == ("PNG", (160, 90), (255, 0, 255))
