# SPDX-License-Identifier: Apache-2.0
"""What the chain knows of an operator's enclave keys, and what the vendor's next data would do."""

from __future__ import annotations

from typing import Any

from offchain_workers.chain.contracts.teeml_verifier import TeemlVerifier
from offchain_workers.chain.events import Event
from offchain_workers.chain.past import Past
from offchain_workers.cli.network import Connection
from verifiers.teeml.errors import TeeError
from verifiers.teeml.market import policy_of, verifier_of
from verifiers.teeml.onchain import STATUSES
from verifiers.teeml.outlook import outlook, registered_quote
from verifiers.teeml.roots import INTEL, Root
from verifiers.teeml.simulated import Authority
from verifiers.teeml.sources import source_of

REASONS = {
    1: "certificate revoked",
    2: "certificate's issuer revoked",
    3: "measurement removed",
    4: "platform removed",
    5: "evaluation too old",
    6: "signed two results for a job",
    7: "replaced",
}
_MOST_KEYS = 50


def key_rows(connection: Connection, operator: str, early: bool) -> list[dict[str, Any]]:
    """The newest keys first, at most 50. ``early``: ask about each live one what comes next."""
    network = connection.network
    verifier = verifier_of(network)
    head = connection.w3.eth.get_block("latest")
    past = Past(verifier, network.start_block)
    about = bytes.fromhex(operator[2:])
    rows: list[dict[str, Any]] = []
    for event in past.newest_first({"KeyRegistered"}, None, int(head["number"]), about):
        row = _row(verifier, event, int(head["timestamp"]))
        if early and row["state"] == "live":
            row |= _next(connection, verifier, event, int(head["timestamp"]))
        rows.append(row)
        if len(rows) == _MOST_KEYS:
            break
    return rows


def _row(verifier: TeemlVerifier, event: Event, now: int) -> dict[str, Any]:
    args = event.args
    record = verifier.key_of(args["policy_id"], args["key"])
    expires, reason = record.expires, record.reason
    state = REASONS.get(reason, "invalid") if reason else "live" if now <= expires else "expired"
    return {
        "key": args["key"],
        "policy": args["policy_id"],
        "state": state,
        "expires": expires,
        "platform": args["platform"],
        "status": STATUSES[int(args["status"])],
        "sealing_key": args["sealing_key"],
        "gpu_claims": args["gpu_claims"],
        "next_status": None,
        "warning": "",
    }


def _next(
    connection: Connection, verifier: TeemlVerifier, event: Event, now: int
) -> dict[str, Any]:
    transaction: Any = connection.w3.eth.get_transaction("0x" + event.tx_hash.hex())  # type: ignore[arg-type]
    try:
        quote = registered_quote(verifier, bytes(transaction["input"]))
        if quote is None:
            return {"warning": "registered through another contract: what comes is not known"}
        policy = policy_of(connection.network, verifier, event.args["policy_id"])
        found = outlook(quote, policy, source_of(connection.settings.teeml), now, _root(verifier))
    except TeeError as error:
        return {"warning": f"what comes is not known: {error}"}
    warning = "" if found.accepted else f"the next TCB data drop this platform: {found.reason}"
    return {"next_status": found.status, "warning": warning}


def _root(verifier: TeemlVerifier) -> Root:
    return Authority().trust if verifier.collateral().read("SIMULATED") else INTEL
