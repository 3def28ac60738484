# SPDX-License-Identifier: Apache-2.0
"""py-evm's Prague rules plus what we use of Osaka: P-256 at 0x100, a cap on gas."""

from __future__ import annotations

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed, encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from eth.abc import BlockHeaderAPI, ComputationAPI
from eth.chains.base import MiningChain
from eth.vm.forks.prague import PragueVM
from eth.vm.forks.prague.computation import PragueComputation
from eth.vm.forks.prague.state import PragueState
from eth_typing import Address, BlockNumber

from .accounts import CHAIN_ID
from .curves import remembering

P256_ADDRESS = Address((0x100).to_bytes(20, "big"))
P256_GAS = 6_900  # EIP-7951
TX_GAS_CAP = 16_777_216  # EIP-7825
BLOCK_GAS_LIMIT = 30_000_000


def p256_verify(computation: ComputationAPI) -> ComputationAPI:
    """EIP-7951: 160 bytes (hash, r, s, x, y) give 32-byte 1 when valid, nothing otherwise."""
    computation.consume_gas(P256_GAS, reason="P256VERIFY")
    data = bytes(computation.msg.data)
    valid = len(data) == 160 and _is_signature(data)
    computation.output = (1).to_bytes(32, "big") if valid else b""
    return computation


def _is_signature(data: bytes) -> bool:
    digest = data[:32]
    r, s, x, y = (int.from_bytes(data[at : at + 32], "big") for at in range(32, 160, 32))
    try:
        key = ec.EllipticCurvePublicNumbers(x, y, ec.SECP256R1()).public_key()
        key.verify(encode_dss_signature(r, s), digest, ec.ECDSA(Prehashed(SHA256())))
    except (InvalidSignature, ValueError):  # ValueError: the point is not on the curve
        return False
    return True


class DevnetComputation(PragueComputation):
    """Prague's opcodes and precompiles with P-256 beside them."""

    _precompiles = {  # noqa: RUF012 - shared by design, as in py-evm
        **PragueComputation._precompiles,
        **remembering(PragueComputation._precompiles),
        P256_ADDRESS: p256_verify,
    }


class DevnetState(PragueState):
    """State transitions that run on `DevnetComputation`."""

    computation_class = DevnetComputation


class DevnetVM(PragueVM):
    """Prague that lets blocks share a second, so that a busy chain keeps to the clock."""

    _state_class = DevnetState

    @classmethod
    def validate_header(cls, header: BlockHeaderAPI, parent_header: BlockHeaderAPI) -> None:
        if header.timestamp == parent_header.timestamp:
            parent_header = parent_header.copy(timestamp=header.timestamp - 1)
        super().validate_header(header, parent_header)


class DevnetChain(MiningChain):
    """The chain class that py-evm builds blocks on."""

    chain_id = CHAIN_ID
    vm_configuration = ((BlockNumber(0), DevnetVM),)
