# SPDX-License-Identifier: Apache-2.0
"""Reports of enclaves and trust domains, byte by byte."""

from __future__ import annotations

from collections.abc import Sequence

MEASUREMENT = bytes([0x20]) * 48
SGX_ATTRIBUTES = bytes.fromhex("05000000000000000700000000000000")
SEPT_VE_DISABLE = bytes.fromhex("0000001000000000")
_XFAM = bytes.fromhex("e702060000000000")


def enclave_report(
    report_data: bytes = bytes(64),
    *,
    cpusvn: bytes = bytes([3]) * 16,
    miscselect: bytes = bytes(4),
    attributes: bytes = SGX_ATTRIBUTES,
    mrenclave: bytes = bytes([0x11]) * 32,
    mrsigner: bytes = bytes([0x12]) * 32,
    isvprodid: int = 1,
    isvsvn: int = 1,
) -> bytes:
    """An SGX report, 384 bytes."""
    return b"".join(
        [
            cpusvn,
            miscselect,
            bytes(28),
            attributes,
            mrenclave,
            bytes(32),
            mrsigner,
            bytes(96),
            isvprodid.to_bytes(2, "little"),
            isvsvn.to_bytes(2, "little"),
            bytes(60),
            report_data,
        ]
    )


def td_report(
    report_data: bytes = bytes(64),
    *,
    tee_tcb_svn: bytes = bytes([5, 1, 2]) + bytes(13),
    mrsignerseam: bytes = bytes(48),
    seamattributes: bytes = bytes(8),
    attributes: bytes = SEPT_VE_DISABLE,
    mrtd: bytes = MEASUREMENT,
    mrconfigid: bytes = bytes(48),
    rtmrs: Sequence[bytes] = (MEASUREMENT,) * 4,
    servicetd: bytes | None = None,
) -> bytes:
    """A TDX report: 584 bytes of version 1.0, with ``servicetd`` 648 bytes of version 1.5."""
    body = b"".join(
        [
            tee_tcb_svn,
            bytes([0xAA]) * 48,
            mrsignerseam,
            seamattributes,
            attributes,
            _XFAM,
            mrtd,
            mrconfigid,
            bytes(96),
            *rtmrs,
            report_data,
        ]
    )
    return body if servicetd is None else body + tee_tcb_svn + servicetd
