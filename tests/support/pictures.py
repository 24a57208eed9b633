"""Small pictures of every kind that mail programs show, made byte by byte."""

from __future__ import annotations

import struct
import zlib


def png(width: int = 40, height: int = 20, *, colour: tuple[int, int, int] = (0, 85, 119)) -> bytes:
    """A PNG of one colour."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = zlib.compress((b"\0" + bytes(colour) * width) * height)
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def gif(width: int, height: int) -> bytes:
    """The head of a GIF."""
    return b"GIF89a" + struct.pack("<HH", width, height) + b"\0" * 10


def jpeg(width: int, height: int) -> bytes:
    """The head of a JPEG: an application segment, a fill byte, then the frame."""
    return (
        b"\xff\xd8\xff\xe0\x00\x10JFIF\0" + b"\0" * 9 + b"\xff\xff\xc0\x00\x11\x08" + struct.pack(">HH", height, width)
    ) + b"\0" * 20


def webp(form: str, width: int, height: int) -> bytes:
    """The head of a WebP in one of its three forms."""
    body = {
        "VP8X": b"\0" * 8 + struct.pack("<I", width - 1)[:3] + struct.pack("<I", height - 1)[:3],
        "VP8L": b"\0" * 4 + b"\x2f" + struct.pack("<I", (width - 1) | (height - 1) << 14),
        "VP8 ": b"\0" * 4 + b"\0\0\0\x9d\x01\x2a" + struct.pack("<HH", width, height),
    }[form]
    return b"RIFF\0\0\0\0WEBP" + form.encode() + body + b"\0" * 8
