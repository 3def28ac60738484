# SPDX-License-Identifier: Apache-2.0
"""The P-256 precompile of EIP-7951 for boa, whose EVM has none."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from boa.util.abi import Address
from boa.vm.py_evm import deregister_raw_precompile, register_raw_precompile
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed, encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

GAS = 6_900
WHERE = Address("0x" + "00" * 18 + "0100")


@contextmanager
def p256() -> Iterator[None]:
    """Inside it the address answers."""
    register_raw_precompile(WHERE, _answer, force=True)
    try:
        yield
    finally:
        deregister_raw_precompile(WHERE.canonical_address)


def _answer(computation: Any) -> Any:
    computation.consume_gas(GAS, "P-256")
    computation.output = (1).to_bytes(32, "big") if _holds(computation.msg.data_as_bytes) else b""
    return computation


def _holds(data: bytes) -> bool:
    digest = data[:32]
    r, s, x, y = (int.from_bytes(data[i : i + 32], "big") for i in range(32, 160, 32))
    try:
        key = ec.EllipticCurvePublicNumbers(x, y, ec.SECP256R1()).public_key()
        key.verify(encode_dss_signature(r, s), digest, ec.ECDSA(Prehashed(SHA256())))
    except (InvalidSignature, ValueError):
        return False
    return True
