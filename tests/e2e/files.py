# SPDX-License-Identifier: Apache-2.0
"""Files of many types, made here or found on the machine."""

from __future__ import annotations

import gzip
import struct
import sys
import zlib
from pathlib import Path

ROOT = Path(__file__).parents[2]


def png() -> bytes:
    """64 x 64 grey pixels."""
    rows = b"".join(b"\0" + bytes((x * y) % 256 for x in range(64)) for y in range(64))
    header = struct.pack(">IIBBBBB", 64, 64, 8, 0, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in chunks
    )


def pdf() -> bytes:
    """One page that says hello, with a correct cross-reference table."""
    text = b"BT /F1 24 Tf 72 700 Td (Hello from Model Network) Tj ET"
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 4 0 R "
        b"/Resources << /Font << /F1 5 0 R >> >> >>",
        b"<< /Length %d >>\nstream\n%s\nendstream" % (len(text), text),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ]
    out, offsets = b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n", []
    for number, body in enumerate(objects, start=1):
        offsets.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    table = b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    trailer = b"trailer\n<< /Size 6 /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % len(out)
    return out + b"xref\n0 6\n0000000000 65535 f \n" + table + trailer


def write_all(folder: Path) -> list[Path]:
    """A PNG, an ELF binary, a gzip file, a Vyper source and a PDF."""
    contents = {
        "picture.png": png(),
        "program": Path(sys.executable).resolve().read_bytes(),
        "notes.gz": gzip.compress((ROOT / "contracts" / "ModelRegistry.vy").read_bytes()),
        "contract.vy": (ROOT / "contracts" / "SubnetRegistry.vy").read_bytes(),
        "letter.pdf": pdf(),
    }
    paths = []
    for name, data in contents.items():
        path = folder / name
        path.write_bytes(data)
        paths.append(path)
    return paths
