"""Files for the rules CHN, TYP, CMP and VIEW."""

from __future__ import annotations

from tests.support.exrbytes import (
    FLOAT,
    RGB,
    Channel,
    Part,
    a_string,
    a_stringvector,
    build,
)


def channels(*names: str | Channel, compression: int = 0) -> bytes:
    """RGB and further channels; with a codec that the writer lacks, chunks are stored raw, which is valid."""
    more = [Channel(name) if isinstance(name, str) else name for name in names]
    return build([Part(channels=[*RGB, *more], compression=compression)])


def only(*made: Channel, compression: int = 0) -> bytes:
    return build([Part(channels=made, compression=compression)])


def layer(name: str, components: str, kind: int) -> list[Channel]:
    return [Channel(f"{name}.{component}", kind) for component in components]


NORMALS = layer("N", "XYZ", FLOAT)


def named_parts(*names: str) -> bytes:
    """A file with a part of R, G, B for each name."""
    return build([Part(name=name) for name in names])


def eyes(*views: str) -> bytes:
    return build([Part(name=f"p{i}", extra=[a_string("view", view)]) for i, view in enumerate(views)])


def stereo(*names: str) -> bytes:
    return build(
        [Part(channels=[Channel(name) for name in names], extra=[a_stringvector("multiView", ("left", "right"))])]
    )


FULL = ("R", "G", "B", "right.R", "right.G", "right.B")
