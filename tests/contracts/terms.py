# SPDX-License-Identifier: Apache-2.0
"""Terms of a job as separate fields, packed as the contract has them, and their EIP-712 digest.

Written apart from the package's own encoding, so that each checks the other.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from eth_abi import encode
from eth_account.signers.local import LocalAccount
from eth_utils.crypto import keccak

NATIVE = "0x" + "00" * 20
ZERO = bytes(32)

# Fields of `conditions` from low to high, and their widths in bits.
PACKED = {
    "n": 16,
    "item_size": 16,
    "primary": 8,
    "eager": 8,
    "fee_cap": 16,
    "royalty_cap": 16,
    "callback_gas": 32,
    "turn_length": 32,
    "deliver_by": 40,
    "resolve_by": 40,
}
MEMBERS = (
    "address requester,bytes32 model_id,bytes32 artifact_id,bytes4 selector,bytes32 subnet_id,"
    "bytes32 input_commitment,address token,uint256 max_price,address callback_target,"
    "bytes32 decision_hash,bytes32 salt,uint256 conditions"
)
TERMS_TYPEHASH = keccak(text=f"JobTerms({MEMBERS})")
ACCEPT_TYPEHASH = keccak(text="Accept(bytes32 job_id,uint256 until,uint256 pledge)")
DOMAIN_TYPEHASH = keccak(
    text="EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
)
TYPES = [member.split(" ")[0] for member in MEMBERS.split(",")]


@dataclass(frozen=True)
class Terms:
    """One job's terms; ``with_`` gives a changed copy, ``abi`` what the contract takes."""

    requester: str
    model_id: bytes
    selector: bytes
    subnet_id: bytes
    max_price: int
    deliver_by: int
    resolve_by: int
    artifact_id: bytes = ZERO
    input_commitment: bytes = keccak(b"input")
    token: str = NATIVE
    callback_target: str = NATIVE
    decision_hash: bytes = ZERO
    salt: bytes = ZERO
    n: int = 1
    item_size: int = 0
    primary: int = 0
    eager: int = 0
    fee_cap: int = 1_000
    royalty_cap: int = 5_000
    callback_gas: int = 0
    turn_length: int = 60

    def with_(self, **changes: Any) -> Terms:
        """A copy with some fields changed."""
        return replace(self, **changes)

    @property
    def conditions(self) -> int:
        word, low_bit = 0, 0
        for name, width in PACKED.items():
            value = getattr(self, name)
            assert 0 <= value < 1 << width, f"{name} does not fit {width} bits"
            word, low_bit = word | value << low_bit, low_bit + width
        return word

    @property
    def abi(self) -> tuple[Any, ...]:
        return tuple(getattr(self, member.split(" ")[1]) for member in MEMBERS.split(","))


@dataclass(frozen=True)
class Domain:
    """Where signatures hold."""

    market: str
    chain_id: int

    @property
    def separator(self) -> bytes:
        names = keccak(text="Model Network"), keccak(text="1")
        types = ["bytes32", "bytes32", "bytes32", "uint256", "address"]
        return keccak(encode(types, [DOMAIN_TYPEHASH, *names, self.chain_id, self.market]))

    def digest(self, struct_hash: bytes) -> bytes:
        return keccak(b"\x19\x01" + self.separator + struct_hash)

    def job_id(self, terms: Terms) -> bytes:
        encoded = encode(["bytes32", *TYPES], [TERMS_TYPEHASH, *terms.abi])
        return self.digest(keccak(encoded))

    def acceptance(
        self, job_id: bytes, signer: LocalAccount, until: int, pledge: int
    ) -> tuple[int, int, int, int, int]:
        """A signed Accept as the contract takes it: until, pledge, v, r, s."""
        struct = encode(
            ["bytes32", "bytes32", "uint256", "uint256"], [ACCEPT_TYPEHASH, job_id, until, pledge]
        )
        signed = signer.unsafe_sign_hash(self.digest(keccak(struct)))
        return until, pledge, signed.v, signed.r, signed.s
