# SPDX-License-Identifier: Apache-2.0
"""Generated platforms, TCB levels, dates and identities, near the edges where verdicts turn."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Any

from verifiers.teeml.collateral import Status
from verifiers.teeml.simulated import (
    Authority,
    Component,
    Level,
    Module,
    Platform,
    QuotingEnclave,
    enclave_report,
    qe_identity,
    tcb_info,
    td_report,
)

AUTHORITY = Authority(seed=b"cases")
ISSUED = 1_750_000_000
DAY = 86_400
_STATUSES = tuple(Status)
_COMPONENT_STATUSES = ("UpToDate", "UpToDate", "OutOfDate", "Revoked")
_QE = Component(4), Component(2, "OutOfDate", ("QE-1",))
_DEBUG, _RESERVED, _SEPT_OFF = "0100001000000000", "0000003000000000", "0000000000000000"


@dataclass(frozen=True)
class Case:
    """A quote, its collateral and the time to judge at, Unix."""

    quote: bytes
    collateral: dict[str, str]
    at: int
    tdx: bool


def case(seed: int) -> Case:
    """The case of that number, always the same."""
    rng = random.Random(seed)
    kind = rng.choice(("sgx", "v4", "v5", "v5-1.5"))
    tdx = kind != "sgx"
    machine = _machine(rng)
    collateral = machine.collateral(
        tdx=tdx,
        tcb=_tcb_info(rng, machine, tdx),
        identity=_identity(rng, tdx),
        **_revocations(rng, machine),
    )
    pck = machine.pck_certificate(until=ISSUED + rng.choice((20, 300, 300, 300)) * DAY)
    quote = machine.quote({"sgx": 3, "v4": 4}.get(kind, 5), _body(rng, kind), pck=pck)
    return Case(quote, collateral, _time(rng), tdx)


def _machine(rng: random.Random) -> Platform:
    return Platform(
        AUTHORITY,
        ISSUED,
        label=f"machine {rng.randrange(8)}",
        sgx=_svns(rng, 3),
        pcesvn=rng.choice((10, 11, 11, 11, 12, 300)),
        scalable=rng.random() < 0.7,
        qe=_quoting_enclave(rng),
    )


def _svns(rng: random.Random, usual: int) -> tuple[int, ...]:
    """16 SVNs, now and then one that is not the usual."""
    svns = [usual] * 16
    if rng.random() < 0.3:
        svns[rng.randrange(16)] = rng.choice((0, usual - 1, usual + 1, 255))
    return tuple(svns)


def _quoting_enclave(rng: random.Random) -> QuotingEnclave:
    odd: dict[str, Any] = {}
    if rng.random() < 0.08:
        odd = rng.choice(
            (
                {"mrsigner": bytes(32)},
                {"isvprodid": 7},
                {"miscselect": bytes([1, 0, 0, 0])},
                {"attributes": bytes([0x31]) + bytes(15)},
                {"attributes": bytes([0x13]) + bytes(15)},
                {"attributes": bytes([0x15]) + bytes(15)},
            )
        )
    return QuotingEnclave(isvsvn=rng.choice((1, 2, 3, 4, 5, 6, 6, 6, 6, 6)), **odd)


def _tcb_info(rng: random.Random, machine: Platform, tdx: bool) -> str:
    modules: tuple[Module, ...] = (Module(3, (Component(3),)), Module(1, _module_levels(rng)))
    signer = bytes(47) + bytes([rng.random() < 0.03])
    issued, until = _window(rng)
    return tcb_info(
        issued,
        machine.fmspc if rng.random() < 0.97 else bytes(6),
        tdx=tdx,
        until=until,
        levels=[_level(rng) for _ in range(rng.randrange(1, 5))],
        modules=[*modules, Module(2, (Component(1),), signer)],
    )


def _level(rng: random.Random) -> Level:
    return Level(
        _svns(rng, rng.choice((2, 3, 3))),
        rng.choice((9, 10, 11, 11, 12)),
        (rng.choice((3, 4, 5, 6)), 0, rng.choice((1, 1, 2, 3))) + (0,) * 13,
        rng.choice(_STATUSES),
        tuple(rng.sample(("SA-1", "SA-2", "SA-3"), rng.randrange(3))),
        ISSUED - rng.randrange(300) * DAY,
    )


def _module_levels(rng: random.Random) -> tuple[Component, ...]:
    status = rng.choice(_COMPONENT_STATUSES)
    return Component(4), Component(2, status, ("MODULE-1",) if rng.random() < 0.5 else ())


def _identity(rng: random.Random, tdx: bool) -> str:
    own = tdx if rng.random() < 0.97 else not tdx
    issued, until = _window(rng)
    return qe_identity(issued, tdx=own, until=until, levels=_QE)


def _window(rng: random.Random) -> tuple[int, int]:
    """Mostly from the start, for ten, twenty or thirty days."""
    return ISSUED + rng.choice((0, 0, 0, 2 * DAY)), ISSUED + rng.choice((10, 20, 30, 30)) * DAY


def _revocations(rng: random.Random, machine: Platform) -> dict[str, Any]:
    def one_in(chance: int, serial: int) -> list[int]:
        return [rng.randrange(1, 1 << 100), *([serial] if rng.randrange(chance) == 0 else [])]

    authorities = (machine.ca_certificate, machine.authority.tcb_signing)
    return {
        "revoked": one_in(30, machine.pck.serial_number),
        "root_revoked": one_in(30, rng.choice(authorities).serial_number),
        "crl_window": _window(rng),
        "root_crl_window": (ISSUED, ISSUED + 300 * DAY),
    }


def _body(rng: random.Random, kind: str) -> bytes:
    data = rng.randbytes(64)
    if kind == "sgx":
        debug = bytes([rng.choice((5, 5, 5, 5, 7))]) + bytes(15)
        return enclave_report(data, attributes=debug, mrenclave=rng.randbytes(32))
    svns = (
        rng.choice((1, 2, 3, 4, 5, 5)),
        rng.choice((0, 1, 1, 1, 1, 1, 1, 2, 3, 9)),
        rng.choice((1, 2, 3)),
    )
    odd: dict[str, Any] = {}
    if rng.random() < 0.08:
        attributes = rng.choice((_DEBUG, _RESERVED, _SEPT_OFF))
        odd = rng.choice(
            (
                {"attributes": bytes.fromhex(attributes)},
                {"mrsignerseam": bytes([1]) + bytes(47)},
                {"seamattributes": bytes([1]) + bytes(7)},
            )
        )
    if kind == "v5-1.5":
        odd["servicetd"] = bytes(47) + bytes([rng.random() < 0.1])
    return td_report(data, tee_tcb_svn=bytes(svns) + bytes(13), mrtd=rng.randbytes(48), **odd)


def _time(rng: random.Random) -> int:
    """The first or last second of a window or the one beside it, or any time between."""
    edge = ISSUED + rng.choice((0, 2, 10, 20, 30)) * DAY + rng.choice((-1, 0, 1))
    return edge if rng.random() < 0.2 else ISSUED + rng.randrange(2 * DAY, 10 * DAY)
