# SPDX-License-Identifier: Apache-2.0
"""Method `teeml`: policies, what a key's quote vouches for, results and their signatures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, astuple, dataclass
from typing import Any

from eth_abi.abi import encode
from eth_account.messages import encode_typed_data
from eth_account.signers.local import LocalAccount

from offchain_workers.chain.contracts.base import ZERO_ADDRESS
from offchain_workers.chain.hashing import keccak

DAY = 86_400
KEY_TAG = keccak(b"Model Network TEEML key 1")
RESULT_TAG = keccak(b"Model Network TEEML result 1")
POLICY = (
    "(uint256,uint256,uint256,uint256,uint256,uint256,uint256,address,bool,"
    "(bytes32,bool,bool,uint256)[])"
)
_BINDING = "(address,address,bytes32,bytes32,bytes32,uint256)"
_RESULT = "(bytes32,bytes32,bytes32,bytes32,address,uint256)"
_DOMAIN = ("Model Network TEEML", "1")
_DOMAIN_FIELDS = {
    "name": "string",
    "version": "string",
    "chainId": "uint256",
    "verifyingContract": "address",
}


@dataclass(frozen=True)
class Measurement:
    """Software that a policy takes; see interfaces/ITeemlVerifier.vyi."""

    value: bytes
    tdx: bool
    runtime: bool = False
    svn: int = 0


@dataclass(frozen=True)
class Policy:
    """As interfaces/ITeemlVerifier.vyi has it; times in seconds, ``bond`` in wei."""

    measurements: tuple[Measurement, ...]
    statuses: int = 0b11
    max_age: int = 30 * DAY
    min_evaluation: int = 0
    key_ttl: int = DAY
    quota: int = 1
    hold: int = 0
    bond: int = 0
    guardian: str = ZERO_ADDRESS
    require_gpu: bool = False

    def abi(self) -> tuple[Any, ...]:
        """In the contract's order."""
        fields = asdict(self)
        first = fields.pop("measurements")
        return (*fields.values(), [tuple(one.values()) for one in first])

    @property
    def policy_id(self) -> bytes:
        """The model's artifact for method `teeml`."""
        return keccak(encode([POLICY], [self.abi()]))

    @classmethod
    def from_abi(cls, words: Sequence[Any]) -> Policy:
        """What an event or a call carried."""
        return cls(tuple(Measurement(*one) for one in words[-1]), *words[:-1])


@dataclass(frozen=True)
class Binding:
    """What a key's quote vouches for."""

    operator: str
    key: str
    sealing_key: bytes
    gpu_claims: bytes
    manifest: bytes
    anchor: int


@dataclass(frozen=True)
class Result:
    """What an enclave signs; ``deadline`` is the terms' deliver_by."""

    job_id: bytes
    model_id: bytes
    input_commitment: bytes
    output_hash: bytes
    worker: str
    deadline: int


@dataclass(frozen=True)
class Key:
    """A key's record; ``reason`` 0 = nothing against it, others in ITeemlVerifier.vyi."""

    operator: str
    expires: int
    evaluation: int
    measurement: int
    reason: int
    platform: bytes
    serial: int
    authority: bytes


@dataclass(frozen=True)
class ResultDomain:
    """Where keys and results count: chain and contract."""

    chain_id: int
    verifier: str

    def binding_hash(self, policy_id: bytes, binding: Binding) -> bytes:
        """The first half of report_data in a key's quote."""
        return self._tagged(KEY_TAG, ["bytes32", _BINDING], [policy_id, astuple(binding)])

    def quoted_hash(self, policy_id: bytes, gpu_claims: bytes, result: Result) -> bytes:
        """The first half of report_data in a quote over a result."""
        kinds = ["bytes32", "bytes32", _RESULT]
        return self._tagged(RESULT_TAG, kinds, [policy_id, gpu_claims, astuple(result)])

    def sign(self, key: LocalAccount, result: Result) -> tuple[int, int, int]:
        """v, r, s; s is in the lower half."""
        signed = key.sign_message(encode_typed_data(full_message=self._message(result)))
        return signed.v, signed.r, signed.s

    def _tagged(self, tag: bytes, kinds: list[str], values: list[Any]) -> bytes:
        where = [tag, self.chain_id, self.verifier]
        return keccak(encode(["bytes32", "uint256", "address", *kinds], [*where, *values]))

    def _message(self, result: Result) -> dict[str, Any]:
        kinds = _RESULT.strip("()").split(",")
        return {
            "types": {
                "EIP712Domain": _members(_DOMAIN_FIELDS),
                "Result": _members(dict(zip(asdict(result), kinds, strict=True))),
            },
            "primaryType": "Result",
            "domain": dict(
                zip(_DOMAIN_FIELDS, [*_DOMAIN, self.chain_id, self.verifier], strict=True)
            ),
            "message": asdict(result),
        }


def _members(fields: dict[str, str]) -> list[dict[str, str]]:
    return [{"name": name, "type": kind} for name, kind in fields.items()]
