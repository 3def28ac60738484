# SPDX-License-Identifier: Apache-2.0
"""Documents that a key signs: canonical JSON ``{"body": ..., "signature": "0x..."}``, by EIP-712.

The signature covers signer, hash of the body and time of issue, bound to one chain and contract.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from eth_abi.exceptions import EncodingError
from eth_account import Account
from eth_account.messages import SignableMessage, encode_typed_data
from eth_account.signers.local import LocalAccount
from eth_keys.exceptions import BadSignature
from eth_utils.crypto import keccak
from eth_utils.exceptions import ValidationError

# What the libraries raise at a signature or a signed value that a stranger made up.
FORGERIES = (BadSignature, ValidationError, EncodingError, IndexError)


class SignatureInvalidError(ValueError):
    """A document that can't be read, is not canonical, or not signed by whom it names."""


@dataclass(frozen=True)
class Form:
    """A kind of document: EIP-712 domain name and struct, the body's schema, who signs it."""

    domain: str
    struct: str
    schema: str
    signer: str
    max_bytes: int = 65_536

    def sign(
        self, account: LocalAccount, chain_id: int, contract: str, body: Mapping[str, Any]
    ) -> bytes:
        """The document. Signer, schema, chain and contract are added to ``body``, which has
        ``issued_at`` in unix seconds."""
        whole = {
            **body,
            "schema": self.schema,
            self.signer: account.address,
            "chain_id": chain_id,
            "contract": contract,
        }
        signed = account.sign_message(self._message(whole))
        return canonical({"body": whole, "signature": "0x" + bytes(signed.signature).hex()})

    def open(self, document: bytes) -> dict[str, Any]:
        """The body, signed by whom it names. Raises SignatureInvalidError."""
        if len(document) > self.max_bytes:
            raise SignatureInvalidError(f"{len(document)} bytes, at most {self.max_bytes}")
        try:
            outer = json.loads(document)
            body, signature = outer["body"], bytes.fromhex(outer["signature"].removeprefix("0x"))
            is_ours = body["schema"] == self.schema and canonical(outer) == document
            signer = Account.recover_message(self._message(body), signature=signature)
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise SignatureInvalidError(f"not a signed {self.schema}") from error
        except FORGERIES as error:
            raise SignatureInvalidError(f"not signed: {error}") from error
        if not is_ours:
            raise SignatureInvalidError(f"not a {self.schema} in canonical form")
        if signer != body[self.signer]:
            raise SignatureInvalidError(f"signed by {signer}, not by {body[self.signer]}")
        return dict(body)

    def _message(self, body: Mapping[str, Any]) -> SignableMessage:
        domain = {
            "name": self.domain,
            "version": "1",
            "chainId": body["chain_id"],
            "verifyingContract": body["contract"],
        }
        types = {
            self.struct: [
                {"name": self.signer, "type": "address"},
                {"name": "body_hash", "type": "bytes32"},
                {"name": "issued_at", "type": "uint256"},
            ]
        }
        struct = {
            self.signer: body[self.signer],
            "body_hash": keccak(canonical(body)),
            "issued_at": body["issued_at"],
        }
        return encode_typed_data(domain, types, struct)


def canonical(tree: Any) -> bytes:
    """JSON in one form: keys sorted, no spaces, UTF-8. Raises ValueError for NaN."""
    text = json.dumps(
        tree, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    )
    return text.encode()
