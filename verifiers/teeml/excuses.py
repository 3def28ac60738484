# SPDX-License-Identifier: Apache-2.0
"""What frees an operator of a job that it owes when the policy's guardian took its key."""

from __future__ import annotations

from itertools import islice

from offchain_workers.chain.call import Call
from offchain_workers.chain.contracts import JobTerms, Network
from offchain_workers.chain.past import Past
from verifiers.teeml.chainside import Chainside

# Of the operator's keys under the policy, the newest: those of a week that is renewed each hour.
_MOST_KEYS = 200


def excuse(network: Network, chain: Chainside, operator: str, terms: JobTerms) -> Call | None:
    """The call that the chain would take now, None when it would take none: by whichever key of
    the operator's was taken, whether the enclave still has it or not."""
    past = Past(chain.verifier, network.start_block)
    head, about = int(chain.w3.eth.block_number), bytes.fromhex(operator[2:])
    registered = past.newest_first({"KeyRegistered"}, None, head, about)
    for event in islice(registered, _MOST_KEYS):
        if event.args["policy_id"] != terms.artifact_id:
            continue
        call = chain.verifier.excuse(terms, event.args["key"])
        if chain.refusal(call) is None:
            return call
    return None
