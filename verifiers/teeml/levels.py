# SPDX-License-Identifier: Apache-2.0
"""Which TCB level a platform is on. The order of comparisons is Intel's, from its QVL."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from verifiers.teeml.collateral import ComponentLevel, QeIdentity, Status, TcbInfo, TdxModule
from verifiers.teeml.errors import CollateralShapeError, NoLevelError, TdxModuleError
from verifiers.teeml.pck import Pck
from verifiers.teeml.reports import EnclaveReport, TdReport

_HARDENING = (Status.UP_TO_DATE, Status.SW_HARDENING_NEEDED)
_CONFIGURATION = (
    Status.CONFIGURATION_NEEDED,
    Status.CONFIGURATION_AND_SW_HARDENING_NEEDED,
)


@dataclass(frozen=True)
class Standing:
    """A status with its advisories; ``date``: since when its TCB is known, Unix."""

    status: Status
    advisories: tuple[str, ...]
    date: int

    def with_component(self, component: ComponentLevel) -> Standing:
        """The platform's standing when a module or quoting enclave of it stands as given."""
        advisories = tuple(sorted({*self.advisories, *component.advisories}))
        status = _converged(self.status, component.status)
        return Standing(status, advisories, min(self.date, component.date))


def _converged(platform: Status, component: Status) -> Status:
    if Status.REVOKED in (platform, component):
        return Status.REVOKED
    if component == Status.OUT_OF_DATE:
        if platform in _HARDENING:
            return Status.OUT_OF_DATE
        if platform in _CONFIGURATION:
            return Status.OUT_OF_DATE_CONFIGURATION_NEEDED
    return platform


def platform_standing(info: TcbInfo, pck: Pck, report: EnclaveReport | TdReport) -> Standing:
    """The first level that the platform reaches; raises NoLevelError."""
    tdx = report.tee_tcb_svn if isinstance(report, TdReport) else b""
    # A versioned module is judged by its identity, its two components by nothing else.
    first = 2 if tdx and tdx[1] else 0
    for level in sorted(info.levels, key=lambda level: level.tcb.key(), reverse=True):
        sgx, pcesvn, wanted = level.tcb.key()
        if tdx and len(wanted) != len(tdx):
            raise CollateralShapeError("TCB info: a level has no TDX components")
        enough = _reaches(pck.sgx, sgx) and _reaches(tdx[first:], wanted[first:])
        if enough and pck.pcesvn >= pcesvn:
            return Standing(level.status, tuple(sorted(set(level.advisories))), level.date)
    raise NoLevelError("the platform reaches none of the TCB levels")


def _reaches(has: Sequence[int], wants: Sequence[int]) -> bool:
    return all(own >= least for own, least in zip(has, wants, strict=bool(has)))


def module_level(info: TcbInfo, report: TdReport) -> ComponentLevel | None:
    """The TDX module's level, None for a module without a version.

    Raises TdxModuleError when the module is not the vendor's, NoLevelError when it is too old.
    """
    isvsvn, version = report.tee_tcb_svn[0], report.tee_tcb_svn[1]
    if version == 0:
        if info.module is None:
            raise CollateralShapeError("TCB info: no TDX module")
        _check_module(info.module, report)
        return None
    wanted = f"TDX_{version:02X}"
    found = next((one for one in info.modules if one.id.upper() == wanted), None)
    if found is None:
        raise TdxModuleError(f"TCB info knows no TDX module {wanted}")
    _check_module(found, report)
    return _component(found.levels, isvsvn, "the TDX module")


def _check_module(module: TdxModule, report: TdReport) -> None:
    attributes, mask = (int.from_bytes(part, "little") for part in (module.attributes, module.mask))
    found = int.from_bytes(report.seamattributes, "little")
    if report.mrsignerseam != module.mrsigner:
        raise TdxModuleError("the TDX module was not signed by Intel")
    if found & mask != attributes & mask or found & ~mask:
        raise TdxModuleError("the TDX module's attributes are not the vendor's")


def qe_level(identity: QeIdentity, report: EnclaveReport) -> ComponentLevel:
    """Raises NoLevelError."""
    return _component(identity.levels, report.isvsvn, "the quoting enclave")


def _component(levels: Sequence[ComponentLevel], isvsvn: int, what: str) -> ComponentLevel:
    for level in sorted(levels, key=lambda level: level.tcb.isvsvn, reverse=True):
        if isvsvn >= level.tcb.isvsvn:
            return level
    raise NoLevelError(f"{what} of version {isvsvn} reaches none of its TCB levels")
