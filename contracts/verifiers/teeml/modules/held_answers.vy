# SPDX-License-Identifier: AGPL-3.0-only
# pragma version ~=0.4.3
# pragma nonreentrancy on
"""
@title Answers under a hold
@license AGPL-3.0-only
@author Model Network
@notice Each waits for its policy's hold to pass, and falls when its key was revoked meanwhile.
"""

from ....modules import job_conditions as conditions
from ....modules import job_states as states
from . import enclave_keys as keys
from . import teeml_hashes as hashes

from interfaces import IJobMarketplace
from interfaces import ITeemlVerifier

uses: keys
uses: hashes

MAX_OUTPUT: constant(uint256) = 16_384

# job -> key | final_at << 160, and the hash of the answer
_claims: HashMap[bytes32, uint256]
_outputs: HashMap[bytes32, bytes32]


@external
def finalise(terms: IJobMarketplace.JobTerms, output: Bytes[MAX_OUTPUT]):
    """
    @notice See ITeemlVerifier.
    """
    job_id: bytes32 = hashes._job_id(terms)
    claim: uint256 = self._claims[job_id]
    assert claim != 0, "no claim"
    assert block.timestamp > claim >> 160, "hold is not over"
    key: address = self._claim_key(claim)
    assert keys._revoked_for(terms.artifact_id, key) == 0, "key revoked"
    if keccak256(output) != self._outputs[job_id]:
        assert len(output) == 0, "not the output"
        assert terms.callback_target == empty(address) or conditions._eager(terms.conditions), "output"
    self._clear(job_id)
    extcall IJobMarketplace(hashes.MARKET).deliver(terms, empty(address), output, states.FINAL, 0)
    log ITeemlVerifier.Finalised(job_id=job_id)


@external
def refute(terms: IJobMarketplace.JobTerms):
    """
    @notice See ITeemlVerifier.
    """
    job_id: bytes32 = hashes._job_id(terms)
    claim: uint256 = self._claims[job_id]
    assert claim != 0, "no claim"
    key: address = self._claim_key(claim)
    reason: uint256 = keys._revoked_for(terms.artifact_id, key)
    assert reason != 0, "no reason"
    self._clear(job_id)
    extcall IJobMarketplace(hashes.MARKET).refuted(terms, empty(address))
    log ITeemlVerifier.Refuted(job_id=job_id, key=key, reason=reason)


@view
@external
def claim_of(job_id: bytes32) -> (address, uint256):
    """
    @notice See ITeemlVerifier.
    """
    claim: uint256 = self._claims[job_id]
    return self._claim_key(claim), claim >> 160


@internal
def _claim(job_id: bytes32, key: address, operator: address, output_hash: bytes32, hold: uint256):
    final_at: uint256 = block.timestamp + hold
    self._claims[job_id] = (final_at << 160) | convert(key, uint256)
    self._outputs[job_id] = output_hash
    log ITeemlVerifier.Claimed(job_id=job_id, operator=operator, key=key, final_at=final_at)


@internal
def _clear(job_id: bytes32):
    self._claims[job_id] = 0
    self._outputs[job_id] = empty(bytes32)


@internal
@pure
def _claim_key(claim: uint256) -> address:
    return convert(claim & (2**160 - 1), address)
