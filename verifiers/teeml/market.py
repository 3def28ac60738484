# SPDX-License-Identifier: Apache-2.0
"""What a market's TeemlVerifier says of policies and of operators' keys."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from offchain_workers.chain.contracts import JobTerms, Network
from offchain_workers.chain.contracts.enclaves import Policy
from offchain_workers.chain.contracts.teeml_verifier import TeemlVerifier
from offchain_workers.chain.errors import CallRevertedError
from offchain_workers.chain.past import Past
from verifiers.errors import NotReadyError
from verifiers.teeml.errors import NotListedError, PolicyRefusedError

# As in ITeemlVerifier.
_REPLACED = 7


def verifier_of(network: Network) -> TeemlVerifier:
    """Raises NotListedError."""
    found = TeemlVerifier.of(network)
    if found is None:
        raise NotListedError("the market does not list method teeml")
    return found


def policy_of(network: Network, verifier: TeemlVerifier, policy_id: bytes) -> Policy:
    """As it was created. Raises PolicyRefusedError when nobody created it."""
    last = int(network.marketplace.w3.eth.block_number)
    past = Past(verifier, network.start_block)
    for event in past.newest_first({"PolicyCreated"}, policy_id, last):
        return Policy.from_abi(_words(event.args["policy"]))
    raise PolicyRefusedError(f"no policy 0x{policy_id.hex()} was created on this chain")


def holds(network: Network, first: int, last: int) -> Mapping[bytes, int]:
    """Seconds that answers stand before they are paid, by policy, of those created in blocks
    ``first`` to ``last``. Raises NotListedError."""
    past = Past(verifier_of(network), first)
    created = past.newest_first({"PolicyCreated"}, None, last)
    return {event.args["policy_id"]: event.args["policy"]["hold"] for event in created}


def lives_until(verifier: TeemlVerifier, policy_id: bytes, key: str) -> int | None:
    """A key's last second, Unix; None when it counts no more, or as soon as somebody says so
    (`invalidate`)."""
    if not verifier.is_live(policy_id, key):
        return None
    record = verifier.key_of(policy_id, key)
    return None if record.reason else record.expires


def replaced_until(verifier: TeemlVerifier, policy_id: bytes, key: str) -> int | None:
    """The last second, Unix, of a key whose place another one has: it may still sign what was
    posted before. None for a key that is as it was, was never registered, or counts no more."""
    try:
        record = verifier.key_of(policy_id, key)
    except CallRevertedError:
        return None
    return record.expires if record.reason == _REPLACED else None


def newest_sealing_key(
    network: Network, verifier: TeemlVerifier, terms: JobTerms, operator: str
) -> bytes:
    """To which a private input goes: of the operator's enclave key under the job's policy that was
    registered last and lives until the deadline. Raises NotReadyError."""
    last = int(network.marketplace.w3.eth.block_number)
    past = Past(verifier, network.start_block)
    about, policy_id = bytes.fromhex(operator[2:]), terms.artifact_id
    for event in past.newest_first({"KeyRegistered"}, None, last, about):
        given = event.args
        if given["policy_id"] != policy_id or given["expires"] < terms.deliver_by:
            continue
        if lives_until(verifier, policy_id, given["key"]) is not None:
            return bytes(given["sealing_key"])
    raise NotReadyError(f"{operator} has no enclave key that lives until the job's deadline")


def _words(struct: Mapping[str, Any]) -> list[Any]:
    """A decoded Policy by position."""
    *first, measurements = struct.values()
    return [*first, [tuple(one.values()) for one in measurements]]
