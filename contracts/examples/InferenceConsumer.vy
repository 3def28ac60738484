# SPDX-License-Identifier: AGPL-3.0-only
# pragma version ~=0.4.3
"""
@title A consumer contract
@license AGPL-3.0-only
@author Model Network
@notice The smallest contract that buys inference and is called with the answer. It posts in its own
        name, so refunds and surplus are its own balance in the market.
"""

from interfaces import IConsumer
from interfaces import IJobMarketplace

implements: IConsumer


event Answered:
    job_id: indexed(bytes32)
    output: Bytes[16384]
    is_final: bool


event Revoked:
    job_id: indexed(bytes32)


MARKET: public(immutable(address))
OWNER: public(immutable(address))

# Jobs that this contract posted: anyone can post a job that calls it.
asked: public(HashMap[bytes32, bool])
# keccak256 of the answer; zero while there is none, or none that stands.
answer_hash: public(HashMap[bytes32, bytes32])


@deploy
def __init__(market: address):
    MARKET = market
    OWNER = msg.sender


@external
@payable
def ask(terms: IJobMarketplace.JobTerms, data: Bytes[4224], acceptance: IJobMarketplace.Acceptance) -> bytes32:
    """
    @notice Post a job with the value sent. `terms.requester` must be this contract.
    @param acceptance the primary's promise; all zero for a best-effort job.
    """
    assert msg.sender == OWNER, "not the owner"
    # With a token's hook in between, the answer could come before `asked` is set.
    assert terms.token == empty(address), "native coin only"
    job_id: bytes32 = empty(bytes32)
    if acceptance.pledge == 0:
        job_id = extcall IJobMarketplace(MARKET).post(terms, data, value=msg.value)
    else:
        job_id = extcall IJobMarketplace(MARKET).post_accepted(terms, data, acceptance, value=msg.value)
    self.asked[job_id] = True
    return job_id


@external
def on_result(job_id: bytes32, output: Bytes[16384], is_final: bool):
    # Without the first check anyone could hand over an answer, without the second an answer to anything.
    assert msg.sender == MARKET, "not the market"
    assert self.asked[job_id], "not asked"
    self.answer_hash[job_id] = keccak256(output)
    log Answered(job_id=job_id, output=output, is_final=is_final)


@external
def on_revoked(job_id: bytes32):
    assert msg.sender == MARKET, "not the market"
    self.answer_hash[job_id] = empty(bytes32)
    log Revoked(job_id=job_id)


@external
def withdraw(token: address, amount: uint256):
    """
    @notice Send what the market owes this contract to the owner.
    """
    assert msg.sender == OWNER, "not the owner"
    extcall IJobMarketplace(MARKET).withdraw(token, amount, OWNER)
