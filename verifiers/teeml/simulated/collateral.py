# SPDX-License-Identifier: Apache-2.0
"""TCB info and QE identity, character by character in the shape that Intel signs."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from verifiers.teeml.simulated.authority import moment

MRSIGNER = hashlib.sha256(b"simulated quoting enclave").digest()
MONTH = 30 * 86_400
_KINDS: dict[str, dict[int, dict[str, str]]] = {
    "sgxtcbcomponents": {
        0: {"category": "BIOS", "type": "Early Microcode Update"},
        1: {"category": "OS/VMM", "type": "SGX Late Microcode Update"},
        3: {"category": "BIOS"},
    },
    "tdxtcbcomponents": {
        0: {"category": "OS/VMM", "type": "TDX Module"},
        1: {"category": "OS/VMM", "type": "TDX Module"},
        2: {"category": "OS/VMM", "type": "TDX Late Microcode Update"},
    },
}


@dataclass(frozen=True)
class Level:
    """What a platform needs for ``status``: 16 SGX and 16 TDX components, PCE SVN."""

    sgx: tuple[int, ...] = (3,) * 16
    pcesvn: int = 11
    tdx: tuple[int, ...] = (5, 0, 2) + (0,) * 13
    status: str = "UpToDate"
    advisories: tuple[str, ...] = ()
    date: int = 1_710_288_000


@dataclass(frozen=True)
class Component:
    """What a TDX module or a quoting enclave needs for ``status``."""

    isvsvn: int
    status: str = "UpToDate"
    advisories: tuple[str, ...] = ()
    date: int = 1_710_288_000


@dataclass(frozen=True)
class Module:
    """A TDX module's identity, by its version."""

    version: int = 1
    levels: tuple[Component, ...] = (Component(4), Component(2, "OutOfDate"))
    mrsigner: bytes = bytes(48)


LEVELS = (Level(), Level((2,) * 16, 5, (3, 0, 1) + (0,) * 13, "OutOfDate", ("INTEL-SA-00000",)))


def tcb_info(
    issued: int,
    fmspc: bytes,
    *,
    tdx: bool = True,
    until: int | None = None,
    levels: Sequence[Level] = LEVELS,
    modules: Sequence[Module] | None = (Module(),),
    evaluation: int = 18,
    pceid: bytes = bytes(2),
) -> str:
    """The signed text; ``issued`` and ``until`` in Unix seconds; None leaves modules out."""
    document: dict[str, Any] = {"id": "TDX" if tdx else "SGX", "version": 3}
    document |= _window(issued, until)
    document |= {"fmspc": fmspc.hex().upper(), "pceId": pceid.hex().upper(), "tcbType": 0}
    document["tcbEvaluationDataNumber"] = evaluation
    if tdx:
        document["tdxModule"] = _signer(bytes(48))
        if modules is not None:
            document["tdxModuleIdentities"] = [_module(module) for module in modules]
    document["tcbLevels"] = [_level(level, tdx) for level in levels]
    return _text(document)


def qe_identity(
    issued: int,
    *,
    tdx: bool = True,
    until: int | None = None,
    levels: Sequence[Component] = (Component(4),),
    evaluation: int = 18,
    mrsigner: bytes = MRSIGNER,
    isvprodid: int | None = None,
) -> str:
    """The signed text of the quoting enclave's identity."""
    own = 2 if tdx else 1
    return _text(
        {"id": "TD_QE" if tdx else "QE", "version": 2}
        | _window(issued, until)
        | {
            "tcbEvaluationDataNumber": evaluation,
            "miscselect": "00000000",
            "miscselectMask": "FFFFFFFF",
            "attributes": "11000000000000000000000000000000",
            "attributesMask": "FBFFFFFFFFFFFFFF0000000000000000",
            "mrsigner": mrsigner.hex().upper(),
            "isvprodid": own if isvprodid is None else isvprodid,
            "tcbLevels": [_component(level) for level in levels],
        }
    )


def _window(issued: int, until: int | None) -> dict[str, str]:
    end = issued + MONTH if until is None else until
    return {"issueDate": _date(issued), "nextUpdate": _date(end)}


def _level(level: Level, tdx: bool) -> dict[str, Any]:
    tcb: dict[str, Any] = {"sgxtcbcomponents": _svns("sgxtcbcomponents", level.sgx)}
    tcb["pcesvn"] = level.pcesvn
    if tdx:
        tcb["tdxtcbcomponents"] = _svns("tdxtcbcomponents", level.tdx)
    return {"tcb": tcb} | _status(level)


def _svns(name: str, svns: Sequence[int]) -> list[dict[str, Any]]:
    return [{"svn": svn, **_KINDS[name].get(i, {})} for i, svn in enumerate(svns)]


def _component(component: Component) -> dict[str, Any]:
    return {"tcb": {"isvsvn": component.isvsvn}} | _status(component)


def _status(level: Level | Component) -> dict[str, Any]:
    found: dict[str, Any] = {"tcbDate": _date(level.date), "tcbStatus": level.status}
    return found | ({"advisoryIDs": list(level.advisories)} if level.advisories else {})


def _module(module: Module) -> dict[str, Any]:
    levels = [_component(level) for level in module.levels]
    return {"id": f"TDX_{module.version:02X}"} | _signer(module.mrsigner) | {"tcbLevels": levels}


def _signer(mrsigner: bytes) -> dict[str, str]:
    zero, mask = "0" * 16, "F" * 16
    return {"mrsigner": mrsigner.hex().upper(), "attributes": zero, "attributesMask": mask}


def _date(unix: int) -> str:
    return moment(unix).strftime("%Y-%m-%dT%H:%M:%SZ")


def _text(document: dict[str, Any]) -> str:
    return json.dumps(document, separators=(",", ":"))
