# SPDX-License-Identifier: Apache-2.0
"""Reports of enclaves and trust domains: fields by their offsets. Integers are little-endian."""

from __future__ import annotations

from dataclasses import dataclass

ENCLAVE_BYTES, TD10_BYTES, TD15_BYTES = 384, 584, 648
_MEASUREMENT = 48
_RTMR_AT = (328, 376, 424, 472)


@dataclass(frozen=True)
class EnclaveReport:
    """An SGX enclave, 384 bytes."""

    raw: bytes

    @property
    def miscselect(self) -> bytes:
        return self.raw[16:20]

    @property
    def attributes(self) -> bytes:
        return self.raw[48:64]

    @property
    def mrenclave(self) -> bytes:
        return self.raw[64:96]

    @property
    def mrsigner(self) -> bytes:
        return self.raw[128:160]

    @property
    def isvprodid(self) -> int:
        return int.from_bytes(self.raw[256:258], "little")

    @property
    def isvsvn(self) -> int:
        return int.from_bytes(self.raw[258:260], "little")

    @property
    def report_data(self) -> bytes:
        return self.raw[320:384]


@dataclass(frozen=True)
class TdReport:
    """A TDX trust domain: 584 bytes of version 1.0, or 648 of version 1.5."""

    raw: bytes

    @property
    def tee_tcb_svn(self) -> bytes:
        return self.raw[:16]

    @property
    def mrseam(self) -> bytes:
        return self.raw[16:64]

    @property
    def mrsignerseam(self) -> bytes:
        return self.raw[64:112]

    @property
    def seamattributes(self) -> bytes:
        return self.raw[112:120]

    @property
    def attributes(self) -> bytes:
        return self.raw[120:128]

    @property
    def xfam(self) -> bytes:
        return self.raw[128:136]

    @property
    def mrtd(self) -> bytes:
        return self.raw[136:184]

    @property
    def mrconfigid(self) -> bytes:
        return self.raw[184:232]

    @property
    def mrowner(self) -> bytes:
        return self.raw[232:280]

    @property
    def mrownerconfig(self) -> bytes:
        return self.raw[280:328]

    @property
    def rtmrs(self) -> tuple[bytes, ...]:
        return tuple(self.raw[at : at + _MEASUREMENT] for at in _RTMR_AT)

    @property
    def report_data(self) -> bytes:
        return self.raw[520:584]

    @property
    def servicetd(self) -> bytes:
        """MRSERVICETD; zeros in version 1.0, which knows none."""
        return self.raw[600:648] or bytes(_MEASUREMENT)
