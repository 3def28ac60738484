# SPDX-License-Identifier: Apache-2.0
"""The terms of a job, their EIP-712 digest (the job id), and the primary's acceptance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from eth_abi.abi import encode
from eth_account import Account
from eth_account.datastructures import SignedMessage
from eth_account.signers.local import LocalAccount
from eth_typing import Hash32
from eth_utils.address import to_canonical_address, to_checksum_address
from eth_utils.crypto import keccak

from offchain_workers.chain.contracts.base import ZERO_ADDRESS
from offchain_workers.chain.errors import TermsInvalidError
from offchain_workers.signed import FORGERIES

_DOMAIN_TYPE = keccak(
    text="EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
)
_TERMS_TYPE = keccak(
    text="JobTerms(address requester,bytes32 model_id,bytes32 artifact_id,bytes4 selector,"
    "bytes32 subnet_id,bytes32 input_commitment,address token,uint256 max_price,"
    "address callback_target,bytes32 decision_hash,bytes32 salt,uint256 conditions)"
)
_ACCEPT_TYPE = keccak(text="Accept(bytes32 job_id,uint256 until,uint256 pledge)")
_ABI_TYPES = [
    "address", "bytes32", "bytes32", "bytes4", "bytes32", "bytes32", "address", "uint256",
    "address", "bytes32", "bytes32", "uint256",
]  # fmt: skip

# The packed word, from low to high: field and bits (contracts/modules/job_conditions.vy).
_CONDITIONS = (
    ("n", 16),
    ("item_size", 16),
    ("primary", 8),
    ("callback_eager", 8),
    ("fee_cap", 16),
    ("royalty_cap", 16),
    ("callback_gas", 32),
    ("turn_length", 32),
    ("deliver_by", 40),
    ("resolve_by", 40),
    ("bond", 32),
)
_PLAIN = (
    "requester", "model_id", "artifact_id", "selector", "subnet_id", "input_commitment", "token",
    "max_price", "callback_target", "decision_hash", "salt",
)  # fmt: skip
ZERO_32 = bytes(32)


@dataclass(frozen=True)
class Domain:
    """The EIP-712 domain of a marketplace."""

    chain_id: int
    market: str

    @property
    def separator(self) -> bytes:
        return keccak(
            encode(
                ["bytes32", "bytes32", "bytes32", "uint256", "address"],
                [
                    _DOMAIN_TYPE,
                    keccak(text="Model Network"),
                    keccak(text="1"),
                    self.chain_id,
                    self.market,
                ],
            )
        )

    def digest(self, struct_hash: bytes) -> bytes:
        return keccak(b"\x19\x01" + self.separator + struct_hash)


@dataclass(frozen=True)
class JobTerms:
    """What a requester asks for; fields as in interfaces/IJobMarketplace.vyi, conditions unpacked.

    Addresses checksummed, ids bytes32, ``selector`` 4 bytes, prices in base units of ``token``,
    caps in basis points, times in unix seconds. ``bond``: millionths of a coin that a method's
    claim must lock, at the least.
    """

    requester: str
    model_id: bytes
    selector: bytes
    subnet_id: bytes
    input_commitment: bytes
    max_price: int
    deliver_by: int
    resolve_by: int
    turn_length: int
    primary: int = 0
    n: int = 1
    item_size: int = 0
    artifact_id: bytes = ZERO_32
    token: str = ZERO_ADDRESS
    fee_cap: int = 0
    royalty_cap: int = 0
    callback_target: str = ZERO_ADDRESS
    callback_gas: int = 0
    callback_eager: bool = False
    bond: int = 0
    decision_hash: bytes = ZERO_32
    salt: bytes = ZERO_32

    @property
    def conditions(self) -> int:
        """The packed word. Raises TermsInvalidError when a field does not fit its bits."""
        word, at = 0, 0
        for name, bits in _CONDITIONS:
            field = int(getattr(self, name))
            if not 0 <= field < 1 << bits:
                raise TermsInvalidError(f"{name} = {field} does not fit {bits} bits")
            word |= field << at
            at += bits
        return word

    def abi(self) -> tuple[Any, ...]:
        """The struct as the contracts take it."""
        return (*(getattr(self, name) for name in _PLAIN), self.conditions)

    @classmethod
    def from_abi(cls, struct: Mapping[str, Any] | Sequence[Any]) -> JobTerms:
        """From a decoded event or call argument. Raises TermsInvalidError."""
        if not isinstance(struct, Mapping):
            struct = dict(zip((*_PLAIN, "conditions"), struct, strict=True))
        word = int(struct["conditions"])
        unpacked: dict[str, Any] = {}
        for name, bits in _CONDITIONS:
            unpacked[name] = word & ((1 << bits) - 1)
            word >>= bits
        if unpacked["callback_eager"] > 1:
            # The chain takes such words; their digest could not be had from the fields again.
            raise TermsInvalidError("the conditions have bits that stand for nothing")
        unpacked["callback_eager"] = bool(unpacked["callback_eager"])
        return cls(**{name: struct[name] for name in _PLAIN}, **unpacked)

    def to_json(self) -> dict[str, Any]:
        """Bytes as 0x-hex, amounts as decimal strings (they outgrow JavaScript's numbers)."""
        values: dict[str, Any] = asdict(self) | {"max_price": str(self.max_price)}
        return {k: "0x" + v.hex() if isinstance(v, bytes) else v for k, v in values.items()}

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> JobTerms:
        """The inverse of ``to_json``. Raises TermsInvalidError naming what is wrong."""
        try:
            return cls(**{name: _parsed(name, document[name]) for name in _JSON_FIELDS})
        except KeyError as error:
            raise TermsInvalidError(f"the terms lack {error}") from error

    def job_id(self, domain: Domain) -> bytes:
        types = ["bytes32", *_ABI_TYPES]
        return domain.digest(keccak(encode(types, [_TERMS_TYPE, *self.abi()])))

    def with_primary(self, index: int) -> JobTerms:
        return replace(self, primary=index)


@dataclass(frozen=True)
class Acceptance:
    """The primary's promise to deliver. ``until``: last unix second of use; ``pledge`` in wei."""

    until: int
    pledge: int
    v: int
    r: int
    s: int

    def abi(self) -> tuple[int, ...]:
        return (self.until, self.pledge, self.v, self.r, self.s)

    def to_json(self) -> dict[str, Any]:
        return {name: str(number) for name, number in asdict(self).items()}

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Acceptance:
        """Raises TermsInvalidError."""
        try:
            return cls(**{name: int(document[name]) for name in ("until", "pledge", "v", "r", "s")})
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise TermsInvalidError(f"not an acceptance: {error!r}") from error


def acceptance_digest(domain: Domain, job_id: bytes, until: int, pledge: int) -> bytes:
    types = ["bytes32", "bytes32", "uint256", "uint256"]
    return domain.digest(keccak(encode(types, [_ACCEPT_TYPE, job_id, until, pledge])))


def sign_acceptance(
    account: LocalAccount, domain: Domain, job_id: bytes, until: int, pledge: int
) -> Acceptance:
    """Raises TermsInvalidError for a pledge that is not a whole, positive number of gwei."""
    if pledge <= 0 or pledge % 10**9:
        raise TermsInvalidError(f"a pledge is a whole number of gwei, not {pledge} wei")
    digest = acceptance_digest(domain, job_id, until, pledge)
    signed: SignedMessage = account.unsafe_sign_hash(Hash32(digest))
    return Acceptance(until, pledge, signed.v, signed.r, signed.s)


def accepted_by(acceptance: Acceptance, domain: Domain, job_id: bytes) -> str:
    """The address that signed. Raises TermsInvalidError for what nobody can sign."""
    vrs = (acceptance.v, acceptance.r, acceptance.s)
    try:
        digest = acceptance_digest(domain, job_id, acceptance.until, acceptance.pledge)
        recovered: str = Account._recover_hash(digest, vrs=vrs)
    except (*FORGERIES, ValueError) as error:
        raise TermsInvalidError(f"not an acceptance: {error}") from error
    return to_checksum_address(to_canonical_address(recovered))


def selector_of(method: str) -> bytes:
    """The 4 bytes under which the market knows a verification method's name."""
    return keccak(text=method)[:4]


_BYTES_32 = ("model_id", "subnet_id", "input_commitment", "artifact_id", "decision_hash", "salt")
_ADDRESSES = ("requester", "token", "callback_target")
_JSON_FIELDS = tuple(field.name for field in fields(JobTerms))


def _parsed(name: str, value: Any) -> Any:
    try:
        if name in _ADDRESSES:
            return to_checksum_address(value)
        if name in _BYTES_32 or name == "selector":
            return _bytes(value, 4 if name == "selector" else 32)
        if name == "callback_eager":
            return bool(value)
        return int(value)
    except (TypeError, ValueError) as error:
        raise TermsInvalidError(f"{name}: {error}") from error


def _bytes(value: str, size: int) -> bytes:
    raw = bytes.fromhex(value.removeprefix("0x"))
    if len(raw) != size:
        raise ValueError(f"{size} bytes wanted, {len(raw)} given")
    return raw
