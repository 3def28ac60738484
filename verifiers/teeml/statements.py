# SPDX-License-Identifier: Apache-2.0
"""What an enclave says in signed or quoted words, byte by byte as TeemlVerifier reads them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from eth_abi.abi import encode

from offchain_workers.chain.contracts.terms import JobTerms
from offchain_workers.chain.hashing import keccak

KEY_TAG = keccak(b"Model Network TEEML key 1")
_DOMAIN_TYPE = keccak(
    b"EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
)
_RESULT_TYPE = keccak(
    b"Result(bytes32 job_id,bytes32 model_id,bytes32 input_commitment,bytes32 output_hash,"
    b"address worker,uint256 deadline)"
)
_NAME, _VERSION = keccak(b"Model Network TEEML"), keccak(b"1")


@dataclass(frozen=True)
class Binding:
    """For what a key is quoted: chain, verifier contract, policy and operator; ``anchor``: a recent
    block's number and hash. Hashes are 32 bytes, zero where there is nothing to name."""

    chain_id: int
    verifier: str
    policy: bytes
    operator: str
    manifest: bytes
    gpu: bytes
    anchor: int
    anchor_hash: bytes

    @property
    def purpose(self) -> tuple[int, str, bytes, str]:
        """What keys have in common that may stand in for one another."""
        return self.chain_id, self.verifier, self.policy, self.operator

    def abi(self, key: str, sealing: bytes) -> tuple[Any, ...]:
        """ITeemlVerifier's Binding."""
        return self.operator, key, sealing, self.gpu, self.manifest, self.anchor

    def report_data(self, key: str, sealing: bytes) -> bytes:
        """The 64 bytes that the quote is made of. ``key``: the signer's address, ``sealing``: the
        X25519 key for private inputs."""
        words = (
            KEY_TAG, self.chain_id, self.verifier, self.policy, *self.abi(key, sealing),
        )  # fmt: skip
        types = (
            "bytes32", "uint256", "address", "bytes32", "address", "address", "bytes32", "bytes32",
            "bytes32", "uint256",
        )  # fmt: skip
        return keccak(encode(types, words)) + self.anchor_hash


def result_digest(
    chain_id: int, verifier: str, terms: JobTerms, job_id: bytes, output: bytes, worker: str
) -> bytes:
    """What the enclave's key signs: this output, as posted, is the answer of that job."""
    domain = encode(
        ["bytes32", "bytes32", "bytes32", "uint256", "address"],
        [_DOMAIN_TYPE, _NAME, _VERSION, chain_id, verifier],
    )
    struct = encode(
        ["bytes32", "bytes32", "bytes32", "bytes32", "bytes32", "address", "uint256"],
        [
            _RESULT_TYPE,
            job_id,
            terms.model_id,
            terms.input_commitment,
            keccak(output),
            worker,
            terms.deliver_by,
        ],
    )
    return keccak(b"\x19\x01" + keccak(domain) + keccak(struct))
