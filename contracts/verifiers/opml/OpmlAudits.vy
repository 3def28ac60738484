# SPDX-License-Identifier: AGPL-3.0-only
# pragma version ~=0.4.3
# pragma nonreentrancy on
"""
@title Audits of method `opml`
@license AGPL-3.0-only
@author Model Network
@notice A lie that nobody looks for pays. So now and then, by a lot that falls after the claim, another member
        of the subnet is asked to re-run the job: it commits to the trace that it found, the claimant must
        then post its own root, and an auditor that found the same is paid from a fund. One that found another
        keeps quiet here and opens a game of its own, which pays better.

        To make the claimant post its root this contract opens a game without a bond, which it gives up as
        soon as the root is known: a claimant that stays silent loses its claim to the clock, like to any
        other challenger. Has no owner; the fund pays audits and nothing else.
"""

from ...modules import job_states as states

from interfaces import IJobMarketplace
from interfaces import IOpmlAudits
from interfaces import IOpmlVerifier
from interfaces import ISubnetRegistry

implements: IOpmlAudits

DRAWN: constant(uint256) = 1
COMMITTED: constant(uint256) = 2
ENDED: constant(uint256) = 3
ONE_GWEI: constant(uint256) = 10**9
# The stage of a game in the verifier that is won.
WON: constant(uint256) = 4

MARKET: public(immutable(address))
SUBNETS: public(immutable(address))
VERIFIER: public(immutable(address))
# Of 65,536 claims so many are drawn.
SHARE: public(immutable(uint256))
# An audit pays this much gas at the base fee of its draw, this many wei at the least.
PAY_GAS: public(immutable(uint256))
MIN_PAY: public(immutable(uint256))
# Seconds in which the auditor must commit, and then confirm once the claimant's root is known.
COMMIT_SECONDS: public(immutable(uint256))
CONFIRM_SECONDS: public(immutable(uint256))

# claim id -> auditor (160) | pay in gwei (40) | since (40) | stage (16)
_audits: HashMap[bytes32, uint256]
commitments: public(HashMap[bytes32, bytes32])
credit: public(HashMap[address, uint256])
# Coins that are not the fund's: credits, and the pay of audits under way.
owed: public(uint256)


@deploy
def __init__(
    market: address,
    subnets: address,
    verifier: address,
    share: uint256,
    pay_gas: uint256,
    min_pay: uint256,
    commit_seconds: uint256,
    confirm_seconds: uint256,
):
    assert share <= 2**16, "share"
    assert min_pay > 0 and commit_seconds > 0 and confirm_seconds > 0, "audit"
    MARKET = market
    SUBNETS = subnets
    VERIFIER = verifier
    SHARE = share
    PAY_GAS = pay_gas
    MIN_PAY = min_pay
    COMMIT_SECONDS = commit_seconds
    CONFIRM_SECONDS = confirm_seconds


@external
@payable
@reentrant
def __default__():
    """
    @notice Whatever is sent here pays audits; the protocol's fees are meant for it.
    """
    log IOpmlAudits.Funded(sender=msg.sender, amount=msg.value, fund=self.balance - self.owed)


@external
def draw(terms: IJobMarketplace.JobTerms, claim: uint256):
    job_id: bytes32 = staticcall IJobMarketplace(MARKET).job_id_of(terms)
    assert claim != 0 and (staticcall IOpmlVerifier(VERIFIER).claim_of(job_id))[0] == claim, "no such claim"
    claim_id: bytes32 = self._claim_id(job_id, claim)
    assert self._audits[claim_id] == 0, "already drawn"
    lot: uint256 = self._lot(claim_id, claim)
    assert lot & 65_535 < SHARE, "not drawn"
    auditor: address = self._auditor(terms.subnet_id, job_id, lot >> 16)
    pay: uint256 = (max(MIN_PAY, PAY_GAS * block.basefee) + ONE_GWEI - 1) // ONE_GWEI
    assert pay < 2**40 and self.balance - self.owed >= pay * ONE_GWEI, "fund is empty"
    self.owed += pay * ONE_GWEI
    self._audits[claim_id] = (convert(auditor, uint256) << 96) | (pay << 56) | (block.timestamp << 16) | DRAWN
    log IOpmlAudits.Drawn(
        job_id=job_id,
        auditor=auditor,
        claim=claim,
        pay=pay * ONE_GWEI,
        commit_by=block.timestamp + COMMIT_SECONDS,
    )


@external
def commit(job_id: bytes32, claim: uint256, commitment: bytes32):
    claim_id: bytes32 = self._claim_id(job_id, claim)
    word: uint256 = self._audits[claim_id]
    assert self._stage(word) == DRAWN and msg.sender == self._auditor_of(word), "not the auditor"
    assert block.timestamp <= self._since(word) + COMMIT_SECONDS, "too late"
    # A root that is public already could be copied.
    assert staticcall IOpmlVerifier(VERIFIER).trace_roots(claim_id) == empty(bytes32), "trace is public"
    self.commitments[claim_id] = commitment
    self._audits[claim_id] = ((word >> 56) << 56) | (block.timestamp << 16) | COMMITTED
    log IOpmlAudits.Committed(job_id=job_id, auditor=msg.sender, claim=claim, commitment=commitment)
    extcall IOpmlVerifier(VERIFIER).open(job_id, claim)


@external
def confirm(job_id: bytes32, claim: uint256):
    claim_id: bytes32 = self._claim_id(job_id, claim)
    word: uint256 = self._audits[claim_id]
    assert self._stage(word) == COMMITTED, "not committed"
    root: bytes32 = staticcall IOpmlVerifier(VERIFIER).trace_roots(claim_id)
    assert root != empty(bytes32), "no trace yet"
    assert self.commitments[claim_id] == keccak256(abi_encode(self._auditor_of(word), root)), "another root"
    self._end(job_id, claim, claim_id, word, self._pay(word))


@external
def lapse(job_id: bytes32, claim: uint256):
    claim_id: bytes32 = self._claim_id(job_id, claim)
    word: uint256 = self._audits[claim_id]
    if self._stage(word) == DRAWN:
        assert block.timestamp > self._since(word) + COMMIT_SECONDS, "auditor has time"
    else:
        assert self._stage(word) == COMMITTED, "no audit"
        posted_at: uint256 = staticcall IOpmlVerifier(VERIFIER).answered_at(claim_id, claim_id)
        # A claim that ended without a trace has nothing to confirm.
        assert posted_at != 0 or not self._is_standing(job_id, claim), "claimant is on turn"
        assert block.timestamp > posted_at + CONFIRM_SECONDS, "auditor has time"
    self._end(job_id, claim, claim_id, word, 0)


@external
def harvest(job_id: bytes32, claim: uint256):
    # Anyone may have collected for this contract already.
    if (staticcall IOpmlVerifier(VERIFIER).game(job_id, claim, self)).at.stage == WON:
        extcall IOpmlVerifier(VERIFIER).collect(job_id, claim, self)
    extcall IOpmlVerifier(VERIFIER).withdraw(self)


@external
def withdraw(to: address):
    amount: uint256 = self.credit[msg.sender]
    assert amount != 0, "no credit"
    self.credit[msg.sender] = 0
    self.owed -= amount
    log IOpmlAudits.Withdrawn(account=msg.sender, amount=amount, to=to)
    raw_call(to, b"", value=amount)


@internal
def _end(job_id: bytes32, claim: uint256, claim_id: bytes32, word: uint256, paid: uint256):
    auditor: address = self._auditor_of(word)
    self._audits[claim_id] = ((word >> 16) << 16) | ENDED
    if paid == 0:
        self.owed -= self._pay(word)
    else:
        self.credit[auditor] += paid
    log IOpmlAudits.Ended(job_id=job_id, auditor=auditor, claim=claim, paid=paid)
    # The game may be over already: by its clock, or because the claim fell.
    if self._is_standing(job_id, claim) and (staticcall IOpmlVerifier(VERIFIER).game(job_id, claim, self)).since != 0:
        extcall IOpmlVerifier(VERIFIER).challenger_timeout(job_id, claim, self)


@internal
@view
def _auditor(subnet_id: bytes32, job_id: bytes32, lot: uint256) -> address:
    """
    @return A member of the subnet, but not the claimant.
    """
    claimant: address = (staticcall IJobMarketplace(MARKET).job(job_id))[1]
    members: DynArray[address, 8] = staticcall ISubnetRegistry(SUBNETS).members(subnet_id)
    assert len(members) > 1, "nobody else"
    place: uint256 = lot % (len(members) - 1)
    for member: address in members:
        if member == claimant:
            continue
        if place == 0:
            return member
        place -= 1
    raise "nobody else"


@internal
@view
def _is_standing(job_id: bytes32, claim: uint256) -> bool:
    """
    @return Whether the claim is pending; one that the market gave up is not, whatever the verifier says.
    """
    return (staticcall IJobMarketplace(MARKET).job(job_id))[0] == states.PENDING and (
        staticcall IOpmlVerifier(VERIFIER).claim_of(job_id)
    )[0] == claim


@internal
@view
def _lot(claim_id: bytes32, claim: uint256) -> uint256:
    """
    @return A number that nobody knew before the block after the claim's.
    """
    behind: uint256 = unsafe_sub(block.number, claim >> 56) & 65_535
    assert behind >= 2 and behind <= 256, "too early or too late"
    return convert(keccak256(abi_encode(blockhash(block.number - behind + 1), claim_id)), uint256)


@internal
@pure
def _claim_id(job_id: bytes32, claim: uint256) -> bytes32:
    return keccak256(abi_encode(job_id, claim))


@internal
@pure
def _auditor_of(word: uint256) -> address:
    return convert(word >> 96, address)


@internal
@pure
def _pay(word: uint256) -> uint256:
    """
    @return wei.
    """
    return ((word >> 56) & (2**40 - 1)) * ONE_GWEI


@internal
@pure
def _since(word: uint256) -> uint256:
    return (word >> 16) & (2**40 - 1)


@internal
@pure
def _stage(word: uint256) -> uint256:
    return word & 65_535


@view
@external
def is_drawn(job_id: bytes32, claim: uint256) -> bool:
    return self._lot(self._claim_id(job_id, claim), claim) & 65_535 < SHARE


@view
@external
def audit(job_id: bytes32, claim: uint256) -> (address, uint256, uint256, uint256):
    word: uint256 = self._audits[self._claim_id(job_id, claim)]
    return self._auditor_of(word), self._stage(word), self._since(word), self._pay(word)
