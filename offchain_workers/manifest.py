# SPDX-License-Identifier: Apache-2.0
"""The capability manifest: what an operator says of its machine, signed by its key.

Canonical JSON ``{"body": ..., "signature": "0x..."}``; its keccak256 goes on chain. The signature
is EIP-712 over operator, body hash and time of issue, bound to one chain and SubnetRegistry.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from eth_account import Account
from eth_account.messages import SignableMessage, encode_typed_data
from eth_account.signers.local import LocalAccount
from eth_utils.crypto import keccak

from offchain_workers.engines.hardware import Hardware
from offchain_workers.errors import FusionError
from offchain_workers.signed import FORGERIES

SCHEMA = "manifest@1"
MAX_BYTES = 65_536
_TYPES = {
    "Manifest": [
        {"name": "operator", "type": "address"},
        {"name": "body_hash", "type": "bytes32"},
        {"name": "issued_at", "type": "uint256"},
    ]
}


class ManifestInvalidError(FusionError):
    """A capability manifest that is not canonical, not signed by its operator, or for elsewhere."""

    def __init__(self, message: str) -> None:
        super().__init__("MN-WORKER-005", message)


@dataclass(frozen=True)
class Place:
    """Where a manifest holds: the chain and its SubnetRegistry."""

    chain_id: int
    registry: str

    def message(self, operator: str, body_hash: bytes, issued_at: int) -> SignableMessage:
        """What is signed."""
        domain = {
            "name": "Model Network Manifest",
            "version": "1",
            "chainId": self.chain_id,
            "verifyingContract": self.registry,
        }
        struct = {"operator": operator, "body_hash": body_hash, "issued_at": issued_at}
        return encode_typed_data(domain, _TYPES, struct)


def build_manifest(
    account: LocalAccount,
    place: Place,
    endpoint: str,
    hardware: Hardware,
    models: Sequence[bytes],
    methods: Sequence[str],
    limits: Mapping[str, int],
    sealing_key: bytes,
    issued_at: int,
) -> bytes:
    """The signed document. ``issued_at`` in unix seconds; ``sealing_key``: the public key (32
    bytes) to which inputs for this operator alone are sealed."""
    body = {
        "schema": SCHEMA,
        "operator": account.address,
        "endpoint": endpoint,
        "hardware": hardware.as_dict(),
        "models": sorted("0x" + model.hex() for model in models),
        "methods": sorted(methods),
        "limits": dict(limits),
        "sealing_key": "0x" + sealing_key.hex(),
        "issued_at": issued_at,
    }
    message = place.message(account.address, keccak(_canonical(body)), issued_at)
    signed = account.sign_message(message)
    return _canonical({"body": body, "signature": "0x" + bytes(signed.signature).hex()})


def verify_manifest(document: bytes, place: Place, operator: str | None = None) -> dict[str, Any]:
    """The body of a manifest that its operator (the one given, if any) signed for ``place``.

    Raises ManifestInvalidError.
    """
    if len(document) > MAX_BYTES:
        raise ManifestInvalidError(f"{len(document)} bytes, at most {MAX_BYTES}")
    try:
        outer = json.loads(document)
        body, signature = outer["body"], bytes.fromhex(outer["signature"].removeprefix("0x"))
        if _canonical(outer) != document or body["schema"] != SCHEMA:
            raise ManifestInvalidError(f"not a {SCHEMA} in canonical form")
        message = place.message(body["operator"], keccak(_canonical(body)), body["issued_at"])
        signer = Account.recover_message(message, signature=signature)
    except ManifestInvalidError:
        raise
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ManifestInvalidError(f"can't be read: {error!r}") from error
    except FORGERIES as error:
        raise ManifestInvalidError(f"not signed: {error}") from error
    if signer != body["operator"]:
        raise ManifestInvalidError(f"signed by {signer}, not by {body['operator']}")
    if operator is not None and signer != operator:
        raise ManifestInvalidError(f"it is {signer}'s, not {operator}'s")
    return dict(body)


def sealing_key_of(body: Mapping[str, Any]) -> bytes:
    """The public key that a verified body names. Raises ManifestInvalidError."""
    text = body.get("sealing_key")
    if not isinstance(text, str) or not re.fullmatch("0x[0-9a-f]{64}", text):
        raise ManifestInvalidError(f"{body['operator']} announces no sealing key")
    return bytes.fromhex(text[2:])


def same_content(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether two bodies say the same, whenever they were issued."""
    return {**one, "issued_at": 0} == {**other, "issued_at": 0}


def _canonical(tree: Any) -> bytes:
    text = json.dumps(
        tree, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    )
    return text.encode()
