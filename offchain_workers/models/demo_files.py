# SPDX-License-Identifier: Apache-2.0
"""Small files of several kinds, for a demo on a machine that offers none."""

from __future__ import annotations

import gzip
import struct
import zlib

_PYTHON = b'''import sys


def main(name: str) -> None:
    """Greet."""
    print(f"hello {name}")


if __name__ == "__main__":
    main(sys.argv[1])
'''
_SHELL = b'#!/bin/sh\nset -eu\nfor file in "$@"; do\n  echo "$file"\ndone\n'
_SOLIDITY = b"""// SPDX-License-Identifier: MIT
pragma solidity ^0.8.0;

contract Counter {
    uint256 public count;

    function add() external { count += 1; }
}
"""
_CSV = b"id,model,price\n1,digits,10\n2,magika,20\n3,digits,11\n4,magika,25\n"
_PDF = b"""%PDF-1.4
1 0 obj
<< /Type /Catalog /Pages 2 0 R >>
endobj
2 0 obj
<< /Type /Pages /Kids [3 0 R] /Count 1 >>
endobj
3 0 obj
<< /Type /Page /Parent 2 0 R /MediaBox [0 0 200 200] >>
endobj
xref
0 4
0000000000 65535 f\x20
0000000009 00000 n\x20
0000000058 00000 n\x20
0000000115 00000 n\x20
trailer
<< /Size 4 /Root 1 0 R >>
startxref
186
%%EOF
"""


def demo_files() -> list[tuple[str, bytes, str]]:
    """(name, content, the label that magika gives it)."""
    return [
        ("hello.py", _PYTHON, "python"),
        ("list.sh", _SHELL, "shell"),
        ("Counter.sol", _SOLIDITY, "solidity"),
        ("jobs.csv", _CSV, "csv"),
        ("empty-page.pdf", _PDF, "pdf"),
        ("gradient.png", _png(16), "png"),
        ("jobs.csv.gz", gzip.compress(_CSV * 20, mtime=0), "gzip"),
    ]


def _png(side: int) -> bytes:
    """A square greyscale picture."""
    header = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    rows = b"".join(
        b"\0" + bytes((side * x ^ side * y) & 255 for x in range(side)) for y in range(side)
    )
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(kind, data) for kind, data in chunks)


def _chunk(kind: bytes, data: bytes) -> bytes:
    checksum = struct.pack(">I", zlib.crc32(kind + data))
    return struct.pack(">I", len(data)) + kind + data + checksum
