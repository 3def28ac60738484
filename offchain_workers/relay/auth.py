# SPDX-License-Identifier: Apache-2.0
"""How a worker shows a relay whose it is: the operator's key signs the relay's nonce.

The signature holds for one relay's URL and one chain, so a relay can't log in elsewhere with it.
"""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass
from typing import Any

from eth_account import Account
from eth_account.messages import SignableMessage, encode_typed_data
from eth_account.signers.local import LocalAccount

from offchain_workers.relay.errors import LoginRefusedError
from offchain_workers.signed import FORGERIES

SCHEMA = "relay@1"
MAX_LOGIN = 1_024
_TYPES = {
    "Dial": [
        {"name": "operator", "type": "address"},
        {"name": "relay", "type": "string"},
        {"name": "nonce", "type": "bytes32"},
    ]
}


@dataclass(frozen=True)
class Place:
    """A relay's public URL (http or https, no slash at the end) and the chain it serves."""

    url: str
    chain_id: int

    def challenge(self) -> tuple[bytes, str]:
        """A fresh nonce, and the message that asks for its signature."""
        nonce = secrets.token_bytes(32)
        asked = {"schema": SCHEMA, "relay": self.url, "chain_id": self.chain_id}
        return nonce, json.dumps(asked | {"nonce": "0x" + nonce.hex()})

    def answer(self, challenge: str, account: LocalAccount) -> str:
        """The worker's side. Raises MN-RELAY-021 when it is not this relay and chain that ask."""
        try:
            asked = json.loads(challenge)
            nonce = bytes.fromhex(asked["nonce"].removeprefix("0x"))
            said = asked["schema"], asked["relay"], asked["chain_id"]
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise _distrust("it does not speak our protocol") from error
        if said != (SCHEMA, self.url, self.chain_id) or len(nonce) != 32:
            raise _distrust(
                f"it says it is {said[1]!r} for chain {said[2]!r} ({said[0]!r}); expected "
                f"{self.url!r} for chain {self.chain_id} ({SCHEMA!r})"
            )
        signed = account.sign_message(self._message(account.address, nonce))
        signature = "0x" + bytes(signed.signature).hex()
        return json.dumps({"operator": account.address, "signature": signature})

    def operator(self, answer: str, nonce: bytes) -> str:
        """Who signed: a checksummed address. Raises MN-RELAY-020."""
        if len(answer) > MAX_LOGIN:
            raise refused("the login is too long")
        try:
            said: dict[str, Any] = json.loads(answer)
            operator, signature = said["operator"], said["signature"]
            message = self._message(operator, nonce)
            raw = bytes.fromhex(signature.removeprefix("0x"))
            signer = Account.recover_message(message, signature=raw)
        except (
            *FORGERIES,
            ValueError,
            LookupError,
            TypeError,
            AttributeError,
            RecursionError,
        ) as error:
            raise refused("the login can't be read") from error
        if signer != operator:
            raise refused("the signature is not that operator's, or not for this relay and chain")
        return str(signer)

    def _message(self, operator: str, nonce: bytes) -> SignableMessage:
        domain = {"name": "Model Network Relay", "version": "1", "chainId": self.chain_id}
        struct = {"operator": operator, "relay": self.url, "nonce": nonce}
        return encode_typed_data(domain, _TYPES, struct)


def refused(message: str) -> LoginRefusedError:
    return LoginRefusedError("MN-RELAY-020", message)


def _distrust(message: str) -> LoginRefusedError:
    return LoginRefusedError("MN-RELAY-021", f"not signed in to the relay: {message}")
