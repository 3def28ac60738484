# SPDX-License-Identifier: Apache-2.0
"""What a claim is about: the job's terms and its input, from whoever has them.

Both prove themselves: the job id is the hash of the terms, which hold the commitment to the input.
"""

from __future__ import annotations

from offchain_workers.chain.contracts import JobTerms, Network
from offchain_workers.chain.contracts.base import ZERO_ADDRESS
from offchain_workers.chain.errors import TermsInvalidError
from offchain_workers.chain.past import Past
from offchain_workers.challenger.docket import Claimed
from offchain_workers.challenger.reasons import LeftError, Reason
from offchain_workers.daemon.errors import InputRefusedError, InputUnavailableError
from offchain_workers.daemon.inputs import Inputs
from offchain_workers.models import ModelCard
from offchain_workers.storage.reference import encode_inline
from verifiers.base import ModelView
from verifiers.opml.few import Few
from verifiers.opml.method import OpmlMethod

# Terms with post data are at most 6 KiB.
_KEPT = 256


class Jobs:
    """Looks jobs up on the chain; remembers the last few."""

    def __init__(self, network: Network, inputs: Inputs, method: OpmlMethod) -> None:
        self._network = network
        self._past = Past(network.marketplace, network.start_block)
        self._inputs = inputs
        self._method = method
        self._posts: Few[tuple[JobTerms, bytes]] = Few(_KEPT)

    def terms(self, job_id: bytes) -> JobTerms:
        """Raises LeftError when no endpoint shows the post."""
        return self._post(job_id)[0]

    def given(self, claim: Claimed, card: ModelCard) -> bytes:
        """The input's bytes, checked. Raises LeftError.

        With a callback the claim carries the input, so that we see what the consumer saw.
        """
        terms, data = self._post(claim.job_id)
        if terms.callback_target != ZERO_ADDRESS:
            data = encode_inline(claim.given)
        artifacts = {terms.selector: terms.artifact_id}
        try:
            return self._inputs.get(
                terms, data, ModelView(card, artifacts=artifacts), self._method
            )[0]
        except InputUnavailableError as error:
            raise LeftError(Reason.INPUT_UNAVAILABLE, error.message) from error
        except InputRefusedError as error:
            raise LeftError(Reason.INPUT_WRONG, error.message) from error

    def _post(self, job_id: bytes) -> tuple[JobTerms, bytes]:
        return self._posts.get(job_id, lambda: self._look_up(job_id))

    def _look_up(self, job_id: bytes) -> tuple[JobTerms, bytes]:
        head = self._network.marketplace.w3.eth.block_number
        for event in self._past.newest_first(("JobPosted",), job_id, head):
            try:
                terms = JobTerms.from_abi(event.args["terms"])
            except TermsInvalidError as error:
                raise LeftError(Reason.INPUT_WRONG, error.message) from error
            if terms.job_id(self._network.marketplace.domain) == job_id:
                return terms, bytes(event.args["data"])
        raise LeftError(Reason.CHAIN_UNREACHABLE, "no endpoint shows the job's post")
