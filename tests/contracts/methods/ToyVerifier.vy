# SPDX-License-Identifier: Apache-2.0
# pragma version ~=0.4.3
"""
@title Toy method
@license Apache-2.0
@author Model Network
@notice The smallest whole verification method, to show how one plugs in: the right answer is
        keccak256("toy" | input), 32 bytes, and showing the input is the proof. An operator may prove at
        once (`deliver_paid`), or claim against a bond (`claim`) and be paid when nobody has refuted the
        claim in time (`finalise`).
"""

from interfaces import IJobMarketplace
from interfaces import IModelRegistry
from interfaces import ISubnetRegistry

# Verbs of a delivery.
PENDING: constant(uint256) = 2
PAID: constant(uint256) = 3
FINAL: constant(uint256) = 5


struct Claim:
    operator: address
    answer: bytes32
    final_at: uint256


event Claimed:
    job_id: indexed(bytes32)
    operator: indexed(address)
    answer: bytes32
    final_at: uint256


event Finalised:
    job_id: indexed(bytes32)


event Refuted:
    job_id: indexed(bytes32)
    refuter: indexed(address)


MARKET: public(immutable(address))
SUBNETS: public(immutable(address))
MODELS: public(immutable(address))
SELECTOR: public(immutable(bytes4))
# Seconds in which a claim may be refuted; the method's `max_delay` in the market.
MAX_DELAY: public(immutable(uint256))
# Stake locked under each claim, wei.
BOND: public(immutable(uint256))

claims: public(HashMap[bytes32, Claim])


@deploy
def __init__(market: address, subnets: address, models: address, selector: bytes4, max_delay: uint256, bond: uint256):
    MARKET = market
    SUBNETS = subnets
    MODELS = models
    SELECTOR = selector
    MAX_DELAY = max_delay
    BOND = bond


@external
def deliver_paid(terms: IJobMarketplace.JobTerms, output: Bytes[16384], input: Bytes[4096]):
    """
    @notice Deliver with the proof; the sender is paid at once.
    """
    self._assert_artifact(terms)
    assert self._is_right(terms, output, input), "wrong answer"
    extcall IJobMarketplace(MARKET).deliver(terms, msg.sender, output, PAID, 0)


@external
def claim(terms: IJobMarketplace.JobTerms, output: Bytes[16384]):
    """
    @notice Deliver without a proof; the sender's bond is locked until the claim stands or falls.
    """
    self._assert_artifact(terms)
    assert len(output) == 32, "output length"
    job_id: bytes32 = staticcall IJobMarketplace(MARKET).job_id_of(terms)
    answer: bytes32 = convert(slice(output, 0, 32), bytes32)
    final_at: uint256 = block.timestamp + MAX_DELAY
    self.claims[job_id] = Claim(operator=msg.sender, answer=answer, final_at=final_at)
    extcall IJobMarketplace(MARKET).deliver(terms, msg.sender, output, PENDING, BOND)
    log Claimed(job_id=job_id, operator=msg.sender, answer=answer, final_at=final_at)


@external
def finalise(terms: IJobMarketplace.JobTerms):
    """
    @notice Pay for a claim that nobody refuted in time. Anyone may call.
    """
    job_id: bytes32 = staticcall IJobMarketplace(MARKET).job_id_of(terms)
    standing: Claim = self._take(job_id)
    assert block.timestamp >= standing.final_at, "still refutable"
    extcall IJobMarketplace(MARKET).deliver(terms, empty(address), concat(standing.answer, b""), FINAL, 0)
    log Finalised(job_id=job_id)


@external
def refute(terms: IJobMarketplace.JobTerms, input: Bytes[4096]):
    """
    @notice Show the input of a wrong claim: half of the bond is the sender's, the rest burns.
    """
    job_id: bytes32 = staticcall IJobMarketplace(MARKET).job_id_of(terms)
    standing: Claim = self._take(job_id)
    assert keccak256(input) == terms.input_commitment, "not the input"
    assert standing.answer != self._answer(input), "claim is right"
    extcall IJobMarketplace(MARKET).refuted(terms, msg.sender)
    log Refuted(job_id=job_id, refuter=msg.sender)


@internal
def _take(job_id: bytes32) -> Claim:
    """
    @return The standing claim, which is no longer one.
    """
    standing: Claim = self.claims[job_id]
    assert standing.operator != empty(address), "no claim"
    self.claims[job_id] = empty(Claim)
    return standing


@view
@internal
def _assert_artifact(terms: IJobMarketplace.JobTerms):
    listed: bytes32 = staticcall IModelRegistry(MODELS).artifact(terms.model_id, SELECTOR)
    assert listed != empty(bytes32) and terms.artifact_id == listed, "not the model's artifact"


@pure
@internal
def _is_right(terms: IJobMarketplace.JobTerms, output: Bytes[16384], input: Bytes[4096]) -> bool:
    assert keccak256(input) == terms.input_commitment, "not the input"
    return keccak256(output) == keccak256(concat(self._answer(input), b""))


@pure
@internal
def _answer(input: Bytes[4096]) -> bytes32:
    # Hashed with a tag, so that the answer is not the input commitment itself.
    return keccak256(concat(b"toy", input))
