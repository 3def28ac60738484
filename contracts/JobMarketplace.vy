# SPDX-License-Identifier: AGPL-3.0-only
# pragma version ~=0.4.3
# pragma nonreentrancy on
"""
@title Job marketplace
@license AGPL-3.0-only
@author Model Network
@notice Escrow and life cycle of inference jobs. A plug-in decides whether an answer holds and tells the
        market by one of the verbs of `deliver` (paid, pending, final) or by `refuted`; the market checks each
        time that the caller is the method's plug-in, that the operator is a member of the subnet whose turn it
        is and opted in to that plug-in, the deadline, and that no job is paid twice. By `excused` a plug-in
        frees a primary that can't answer. Method `none` is built in.

        A job is one word under the digest of its terms, from high to low:
            operator (160) | posted-at (38) | pledge in gwei (40) | fee bps (10) | first in turn (4) | status (4)
        `operator` is zero while the job is open. `posted-at` starts the turns and is renewed when a
        refuted claim re-opens the job or its primary is excused; in its place a pending claim has its bond, in
        millionths of a coin. `pledge` is what SubnetRegistry holds of the primary's stake. The fee is the one
        in force at the post.

        The owner may list methods, retire them, set the fee (bounded) of later posts, pause posts, and
        collect fees. It cannot touch a job, an escrow or a balance.
"""

from ethereum.ercs import IERC20
from snekmate.auth import ownable
from snekmate.auth import ownable_2step
from snekmate.utils import ecdsa
from snekmate.utils import eip712_domain_separator as eip712

from interfaces import IConsumer
from interfaces import IJobMarketplace
from interfaces import IModelRegistry
from interfaces import ISubnetRegistry
from .modules import batch_merkle
from .modules import job_conditions as conditions
from .modules import job_states as states

implements: IJobMarketplace

initializes: ownable
initializes: ownable_2step[ownable := ownable]
initializes: eip712

exports: (
    ownable_2step.owner,
    ownable_2step.pending_owner,
    ownable_2step.transfer_ownership,
    ownable_2step.accept_ownership,
    eip712.eip712Domain,
)

REASON_PAID: constant(uint256) = 1
REASON_EXPIRED: constant(uint256) = 2
REASON_REFUTED: constant(uint256) = 3
REASON_DEAD_PLUGIN: constant(uint256) = 4

# First four bytes of keccak256("none"), as for every method name.
METHOD_NONE: constant(bytes4) = 0xf4915122
BPS: constant(uint256) = 10_000
MAX_FEE_BPS: constant(uint256) = 1_000
ONE_GWEI: constant(uint256) = 10**9
# What bonds of claims count in, wei.
BOND_UNIT: constant(uint256) = 10**12
# Covers the encoding of a full output before the call and the market's own end after it.
CALLBACK_RESERVE: constant(uint256) = 60_000
# With more, a verb or a refutation might not fit a transaction (16,777,216 gas since Osaka) beside it.
MAX_CALLBACK_GAS: constant(uint256) = 5_000_000
DEAD_PLUGIN_SECONDS: constant(uint256) = 7 * 86_400
# How much later than necessary resolve_by may be.
MAX_SPARE_SECONDS: constant(uint256) = 30 * 86_400
MAX_OUTPUT: constant(uint256) = 16_384
# Where the fields of a job word begin.
OPERATOR: constant(uint256) = 96
POSTED: constant(uint256) = 58
PLEDGE: constant(uint256) = 18
FEE: constant(uint256) = 8
FIRST: constant(uint256) = 4
ADDRESS_MASK: constant(uint256) = 2**160 - 1

TERMS_TYPEHASH: constant(bytes32) = keccak256(
    "JobTerms(address requester,bytes32 model_id,bytes32 artifact_id,bytes4 selector,bytes32 subnet_id,bytes32 input_commitment,address token,uint256 max_price,address callback_target,bytes32 decision_hash,bytes32 salt,uint256 conditions)"
)
ACCEPT_TYPEHASH: constant(bytes32) = keccak256("Accept(bytes32 job_id,uint256 until,uint256 pledge)")

SUBNETS: public(immutable(address))
MODELS: public(immutable(address))
# Native coin that each post adds for whoever closes the job: the operator paid, or the keeper who refunds.
KEEPER_TIP: public(immutable(uint256))

_jobs: HashMap[bytes32, uint256]
_balances: HashMap[address, HashMap[address, uint256]]
# plugin (160) | max_n (16) | max_delay (32) | fee bps (16) | hedge (16) | paused (8) | retired (8), from
# high to low: all that a post must know in one read
_methods: HashMap[bytes4, uint256]
# Fees taken and not yet collected, by token.
fees: public(HashMap[address, uint256])


@deploy
def __init__(subnets: address, models: address, keeper_tip: uint256, fee_bps: uint256):
    ownable.__init__()
    ownable_2step.__init__()
    eip712.__init__("Model Network", "1")
    SUBNETS = subnets
    MODELS = models
    KEEPER_TIP = keeper_tip
    self._add_method(METHOD_NONE, self, batch_merkle.MAX_ITEMS, 0, fee_bps, False)


################################################################
#                            POST                              #
################################################################


# Posting takes no lock: a consumer may post the next job from its callback. It writes all its state before
# it calls a token, and `_pull` reverts unless the balance grew by exactly what this post is owed.


@external
@payable
@reentrant
def post(terms: IJobMarketplace.JobTerms, data: Bytes[4224]) -> bytes32:
    job_id: bytes32 = self._post(terms, 0)
    log IJobMarketplace.JobPosted(job_id=job_id, requester=msg.sender, terms=terms, data=data)
    self._collect(terms.token, terms.max_price)
    return job_id


@external
@payable
@reentrant
def post_accepted(
    terms: IJobMarketplace.JobTerms, data: Bytes[4224], acceptance: IJobMarketplace.Acceptance
) -> bytes32:
    assert block.timestamp <= acceptance.until, "acceptance is stale"
    # The primary's own turn must fit: a promise posted too late could only be broken.
    assert block.timestamp + conditions._turn_length(terms.conditions) <= conditions._deliver_by(
        terms.conditions
    ), "turn after deliver_by"
    pledge: uint256 = acceptance.pledge // ONE_GWEI
    assert pledge != 0 and pledge < 2**40 and pledge * ONE_GWEI == acceptance.pledge, "pledge"
    job_id: bytes32 = self._post(terms, pledge)
    operator: address = self._primary(terms)
    extcall ISubnetRegistry(SUBNETS).reserve(operator, acceptance.pledge)
    digest: bytes32 = eip712._hash_typed_data_v4(
        keccak256(abi_encode(ACCEPT_TYPEHASH, job_id, acceptance.until, acceptance.pledge))
    )
    assert ecdsa._recover_vrs(digest, acceptance.v, acceptance.r, acceptance.s) == operator, "not the primary's"
    log IJobMarketplace.JobPosted(job_id=job_id, requester=msg.sender, terms=terms, data=data)
    log IJobMarketplace.JobAccepted(job_id=job_id, operator=operator, pledge=acceptance.pledge)
    self._collect(terms.token, terms.max_price)
    return job_id


@internal
@payable
def _post(terms: IJobMarketplace.JobTerms, pledge: uint256) -> bytes32:
    """
    @param pledge in gwei.
    @return The job id.
    """
    job_id: bytes32 = self._job_id(terms)
    assert msg.sender == terms.requester, "not the requester"
    assert self._jobs[job_id] == 0, "already posted"
    method: uint256 = self._methods[terms.selector]
    assert method != 0, "unknown method"
    assert method & 65_535 == 0, "method is paused or retired"

    # Unpacked in place, not by job_conditions: the calls would cost every post 600 gas.
    c: uint256 = terms.conditions
    n: uint256 = c & 65_535
    item_size: uint256 = (c >> 16) & 65_535
    primary: uint256 = (c >> 32) & 255
    deliver_by: uint256 = (c >> 144) & (2**40 - 1)
    fee_bps: uint256 = (method >> 32) & 65_535
    assert n >= 1 and n <= (method >> 80) & 65_535, "batch size"
    assert item_size != 0 or n == 1, "item size"
    assert unsafe_mul(n, item_size) <= MAX_OUTPUT, "output size"
    # Without turns an answer could be copied from the mempool, unless the evidence names the worker.
    assert (c >> 112) & (2**32 - 1) != 0 or (method >> 16) & 255 == 1, "turn length"
    assert (c >> 80) & (2**32 - 1) <= MAX_CALLBACK_GAS, "callback gas"
    assert deliver_by > block.timestamp, "deliver_by"
    # Not too far either: a dead plug-in is recognised only after resolve_by.
    spare: uint256 = unsafe_sub((c >> 184) & (2**40 - 1), unsafe_add(deliver_by, (method >> 48) & (2**32 - 1)))
    assert spare <= MAX_SPARE_SECONDS, "resolve_by"
    # Bounded, like deposits, so that no sum of balances can overflow and block a payout.
    assert terms.max_price < 2**128, "max price"
    assert (c >> 48) & 65_535 >= fee_bps, "fee cap too low"
    assert staticcall ISubnetRegistry(SUBNETS).admits(
        terms.subnet_id, terms.model_id, terms.selector, terms.token, primary, (c >> 64) & 65_535
    ), "subnet"
    self._jobs[job_id] = (
        (block.timestamp << POSTED) | (pledge << PLEDGE) | (fee_bps << FEE) | (primary << FIRST) | states.OPEN
    )
    return job_id


@internal
@payable
def _collect(token: address, price: uint256):
    """
    @dev The last step of a post: what a token calls must find it done and logged.
    """
    if token == empty(address):
        self._collect_native(KEEPER_TIP + price)
    else:
        self._collect_native(KEEPER_TIP)
        self._collect_token(token, price)


@internal
@payable
def _collect_native(due: uint256):
    """
    @dev The value sent counts first, the sender's balance covers the rest.
    """
    assert msg.value <= due, "value above what is due"
    if msg.value < due:
        self._debit(empty(address), due - msg.value)


@internal
def _collect_token(token: address, due: uint256):
    """
    @dev The sender's balance counts first, its wallet covers the rest.
    """
    owned: uint256 = min(self._balances[token][msg.sender], due)
    if owned > 0:
        self._balances[token][msg.sender] -= owned
    if owned < due:
        self._pull(token, due - owned)


################################################################
#                          DELIVERY                            #
################################################################


# One function for all verbs, and all that handles an output within it: each function with an output of its own
# would cost every delivery the memory of another 16 KiB or two.
@external
def deliver(
    terms: IJobMarketplace.JobTerms, operator: address, output: Bytes[MAX_OUTPUT], verb: uint256, bond: uint256
) -> bytes32:
    plugin: address = msg.sender
    if terms.selector == METHOD_NONE:
        assert operator == msg.sender and verb == states.PAID, "not the operator"
        plugin = self
    else:
        self._assert_plugin(terms.selector)
    assert bond == 0 or verb == states.PENDING, "bond"

    job_id: bytes32 = self._job_id(terms)
    word: uint256 = self._jobs[job_id]
    if verb == states.FINAL:
        self._pay_claim(terms, job_id, word)
    else:
        assert verb == states.PAID or verb == states.PENDING, "verb"
        price: uint256 = 0
        index: uint256 = 0
        price, index = self._assert_may_deliver(terms, word, operator, plugin)
        commitment: bytes32 = empty(bytes32)
        if conditions._n(terms.conditions) == 1:
            assert conditions._item_size(terms.conditions) == 0 or len(output) == conditions._item_size(
                terms.conditions
            ), "output length"
            commitment = keccak256(output)
        else:
            # A call to self, so that single outputs don't pay for the memory of batches.
            commitment = staticcall IJobMarketplace(self).output_commitment(
                output, conditions._n(terms.conditions), conditions._item_size(terms.conditions)
            )
        log IJobMarketplace.JobDelivered(
            job_id=job_id, operator=operator, status=verb, output_commitment=commitment, output=output
        )
        if verb == states.PENDING:
            self._set_pending(terms, job_id, word, operator, index, bond)
        else:
            self._settle(terms, job_id, word, operator, price, index)

    # An eager consumer hears of the claim, the others of the settled result.
    if terms.callback_target != empty(address) and (
        verb == states.PAID or conditions._eager(terms.conditions) == (verb == states.PENDING)
    ):
        self._assert_callback_gas(conditions._callback_gas(terms.conditions))
        ok: bool = raw_call(
            terms.callback_target,
            abi_encode(job_id, output, verb != states.PENDING, method_id=method_id("on_result(bytes32,bytes,bool)")),
            gas=conditions._callback_gas(terms.conditions),
            revert_on_failure=False,
        )
        if not ok:
            log IJobMarketplace.CallbackFailed(job_id=job_id, target=terms.callback_target)
    return job_id


@external
def refuted(terms: IJobMarketplace.JobTerms, rewardee: address):
    self._assert_plugin(terms.selector)
    job_id: bytes32 = self._job_id(terms)
    word: uint256 = self._jobs[job_id]
    assert word & 15 == states.PENDING, "not pending"
    operator: address = convert(word >> OPERATOR, address)
    if block.timestamp <= conditions._deliver_by(terms.conditions):
        # The turns start again, at the member after the one refuted.
        self._jobs[job_id] = (
            (block.timestamp << POSTED) | (word & (2**POSTED - 1) & ~convert(15, uint256)) | states.OPEN
        )
        log IJobMarketplace.JobReopened(job_id=job_id, refuted=operator)
    else:
        self._close_unpaid(terms, job_id, word, REASON_REFUTED, operator)
    bond: uint256 = self._bond(word)
    if bond != 0:
        reward: uint256 = 0 if rewardee == empty(address) else bond // 2
        extcall ISubnetRegistry(SUBNETS).slash_reserved(job_id, operator, bond, reward, rewardee)
    self._revoke(terms, job_id)


@external
def excused(terms: IJobMarketplace.JobTerms):
    self._assert_plugin(terms.selector)
    job_id: bytes32 = self._job_id(terms)
    word: uint256 = self._jobs[job_id]
    pledge: uint256 = self._pledge(word)
    assert word & 15 == states.OPEN and pledge != 0, "nothing owed"
    primary: address = self._primary(terms)
    extcall ISubnetRegistry(SUBNETS).release(primary, pledge)
    # The turns start again, at the member after the primary; or after one refuted, who is not to be first again.
    first: uint256 = self._first(word)
    if first == conditions._primary(terms.conditions):
        first += 1
    self._jobs[job_id] = (block.timestamp << POSTED) | (word & ((2**10 - 1) << FEE)) | (first << FIRST) | states.OPEN
    log IJobMarketplace.JobExcused(job_id=job_id, operator=primary)


@internal
@view
def _assert_may_deliver(
    terms: IJobMarketplace.JobTerms, word: uint256, operator: address, plugin: address
) -> (uint256, uint256):
    """
    @return The member's price per item, and its index.
    """
    assert word & 15 == states.OPEN, "not open"
    assert block.timestamp <= conditions._deliver_by(terms.conditions), "too late"
    turns: uint256 = max_value(uint256)
    if conditions._turn_length(terms.conditions) != 0:
        turns = (block.timestamp - self._posted_at(word)) // conditions._turn_length(terms.conditions)
    return staticcall ISubnetRegistry(SUBNETS).eligible(terms.subnet_id, operator, self._first(word), turns, plugin)


@internal
def _set_pending(
    terms: IJobMarketplace.JobTerms, job_id: bytes32, word: uint256, operator: address, index: uint256, bond: uint256
):
    assert bond % BOND_UNIT == 0 and bond < 2**38 * BOND_UNIT, "bond"
    pledge: uint256 = self._pledge(word)
    kept: uint256 = word & (2**POSTED - 1) & ~convert(255, uint256)
    if pledge != 0 and (
        index == conditions._primary(terms.conditions) or conditions._turn_length(terms.conditions) == 0
    ):
        # It showed up; what its claim is worth is the plug-in's business, and the claim's bond. Without turns
        # another's claim, right or wrong, has kept it out, and it owes nothing more.
        self._release_pledge(terms, operator, index, pledge)
        kept &= 2**PLEDGE - 1
    if bond != 0:
        extcall ISubnetRegistry(SUBNETS).reserve(operator, bond)
    # `first` remembers who comes after the claimant, should the claim fall.
    self._jobs[job_id] = (
        (convert(operator, uint256) << OPERATOR)
        | ((bond // BOND_UNIT) << POSTED)
        | kept
        | ((index + 1) << FIRST)
        | states.PENDING
    )


@internal
@view
def _assert_plugin(selector: bytes4):
    assert selector != METHOD_NONE and self._plugin(selector) == msg.sender, "not the plug-in"


################################################################
#                           CLOSING                            #
################################################################


@external
def refund(terms: IJobMarketplace.JobTerms):
    job_id: bytes32 = self._job_id(terms)
    word: uint256 = self._jobs[job_id]
    status: uint256 = word & 15
    if status == states.OPEN:
        assert block.timestamp > conditions._deliver_by(terms.conditions), "still deliverable"
        self._close_unpaid(terms, job_id, word, REASON_EXPIRED, empty(address))
        return
    assert status == states.PENDING, "not open"
    assert block.timestamp > conditions._resolve_by(terms.conditions) + DEAD_PLUGIN_SECONDS, "claim is pending"
    operator: address = convert(word >> OPERATOR, address)
    self._close_unpaid(terms, job_id, word, REASON_DEAD_PLUGIN, operator)
    self._free_bond(word, operator)
    self._revoke(terms, job_id)


@internal
def _pay_claim(terms: IJobMarketplace.JobTerms, job_id: bytes32, word: uint256):
    assert word & 15 == states.PENDING, "not pending"
    operator: address = convert(word >> OPERATOR, address)
    index: uint256 = self._first(word) - 1
    price: uint256 = staticcall ISubnetRegistry(SUBNETS).price_of(terms.subnet_id, index)
    self._settle(terms, job_id, word, operator, price, index)
    self._free_bond(word, operator)


@internal
def _settle(
    terms: IJobMarketplace.JobTerms,
    job_id: bytes32,
    word: uint256,
    operator: address,
    unit_price: uint256,
    index: uint256,
):
    """
    @notice Pay operator, publisher and protocol; credit the surplus; see to the primary's pledge.
    """
    self._jobs[job_id] = (convert(operator, uint256) << OPERATOR) | states.PAID
    publisher: address = empty(address)
    royalty: uint256 = 0
    publisher, royalty = staticcall IModelRegistry(MODELS).record(terms.model_id)
    price: uint256 = min(conditions._n(terms.conditions) * unit_price, terms.max_price)
    fee: uint256 = price * ((word >> FEE) & (2**10 - 1)) // BPS
    royalty = price * royalty // BPS
    self._credit(terms.token, publisher, royalty)
    self._credit(terms.token, terms.requester, terms.max_price - price)
    if fee != 0:
        self.fees[terms.token] += fee
    if terms.token == empty(address):
        self._credit(empty(address), operator, price - fee - royalty + KEEPER_TIP)
    else:
        self._credit(terms.token, operator, price - fee - royalty)
        self._credit(empty(address), operator, KEEPER_TIP)
    pledge: uint256 = self._pledge(word)
    if pledge != 0:
        # Without turns nobody is late; with them another member delivers only after the primary's window.
        if index == conditions._primary(terms.conditions) or conditions._turn_length(terms.conditions) == 0:
            self._release_pledge(terms, operator, index, pledge)
        else:
            extcall ISubnetRegistry(SUBNETS).slash_reserved(job_id, self._primary(terms), pledge, pledge // 2, operator)
    log IJobMarketplace.JobClosed(
        job_id=job_id, operator=operator, reason=REASON_PAID, price=price, fee=fee, royalty=royalty
    )


@internal
def _close_unpaid(terms: IJobMarketplace.JobTerms, job_id: bytes32, word: uint256, reason: uint256, operator: address):
    self._jobs[job_id] = (word & (ADDRESS_MASK << OPERATOR)) | states.REFUNDED
    pledge: uint256 = self._pledge(word)
    if pledge != 0:
        if reason == REASON_DEAD_PLUGIN:
            extcall ISubnetRegistry(SUBNETS).release(self._primary(terms), pledge)
        else:
            # Nobody came to the rescue: all of it burns.
            extcall ISubnetRegistry(SUBNETS).slash_reserved(job_id, self._primary(terms), pledge, 0, empty(address))
    self._credit(terms.token, terms.requester, terms.max_price)
    # A refuted claim was closed by its plug-in, not by a keeper: the tip goes home.
    keeper: address = terms.requester if reason == REASON_REFUTED else msg.sender
    self._credit(empty(address), keeper, KEEPER_TIP)
    log IJobMarketplace.JobClosed(job_id=job_id, operator=operator, reason=reason, price=0, fee=0, royalty=0)


@internal
def _release_pledge(terms: IJobMarketplace.JobTerms, operator: address, index: uint256, pledge: uint256):
    """
    @param index of the operator who delivered, who may be the primary itself.
    """
    primary: address = operator if index == conditions._primary(terms.conditions) else self._primary(terms)
    extcall ISubnetRegistry(SUBNETS).release(primary, pledge)


@internal
def _free_bond(word: uint256, operator: address):
    """
    @param word of the job while its claim was pending.
    """
    bond: uint256 = self._bond(word)
    if bond != 0:
        extcall ISubnetRegistry(SUBNETS).release(operator, bond)


################################################################
#                          CALLBACKS                           #
################################################################


@internal
def _revoke(terms: IJobMarketplace.JobTerms, job_id: bytes32):
    if not conditions._eager(terms.conditions) or terms.callback_target == empty(address):
        return
    self._assert_callback_gas(conditions._callback_gas(terms.conditions))
    ok: bool = raw_call(
        terms.callback_target,
        abi_encode(job_id, method_id=method_id("on_revoked(bytes32)")),
        gas=conditions._callback_gas(terms.conditions),
        revert_on_failure=False,
    )
    if not ok:
        log IJobMarketplace.CallbackFailed(job_id=job_id, target=terms.callback_target)


@internal
@view
def _assert_callback_gas(cap: uint256):
    # EIP-150 hands over at most 63/64 of what is left: with less gas in the transaction the sender could
    # starve the callback and still settle.
    assert (msg.gas - CALLBACK_RESERVE) * 63 // 64 >= cap, "gas for callback"


################################################################
#                          BALANCES                            #
################################################################


@external
@payable
def deposit(token: address, amount: uint256):
    assert amount < 2**128, "amount"
    if token == empty(address):
        assert msg.value == amount, "value"
    else:
        assert msg.value == 0, "value"
        self._pull(token, amount)
    self._credit(token, msg.sender, amount)
    log IJobMarketplace.Deposited(account=msg.sender, token=token, amount=amount)


@external
def withdraw(token: address, amount: uint256, to: address):
    self._debit(token, amount)
    log IJobMarketplace.Withdrawn(account=msg.sender, token=token, amount=amount, to=to)
    self._push(token, amount, to)


@internal
def _credit(token: address, account: address, amount: uint256):
    if amount != 0:
        self._balances[token][account] += amount


@internal
def _debit(token: address, amount: uint256):
    owned: uint256 = self._balances[token][msg.sender]
    assert owned >= amount, "balance too low"
    self._balances[token][msg.sender] = owned - amount


@internal
def _pull(token: address, amount: uint256):
    before: uint256 = staticcall IERC20(token).balanceOf(self)
    assert extcall IERC20(token).transferFrom(msg.sender, self, amount, default_return_value=True), "transfer"
    # Tokens that take a fee on transfer would leave the escrow short.
    assert staticcall IERC20(token).balanceOf(self) == before + amount, "token keeps a part"


@internal
def _push(token: address, amount: uint256, to: address):
    if token == empty(address):
        raw_call(to, b"", value=amount)
    else:
        assert extcall IERC20(token).transfer(to, amount, default_return_value=True), "transfer"


################################################################
#                            OWNER                             #
################################################################


@external
def add_method(selector: bytes4, plugin: address, max_n: uint256, max_delay: uint256, fee_bps: uint256, hedge: bool):
    """
    @notice List a verification method. A selector is used once and for all, retired or not.
    """
    ownable._check_owner()
    self._add_method(selector, plugin, max_n, max_delay, fee_bps, hedge)


@external
def retire_method(selector: bytes4):
    """
    @notice Bar new posts under a method for good; jobs already posted run on.
    """
    ownable._check_owner()
    self._set_method_field(selector, 0, 255, 1)
    log IJobMarketplace.MethodRetired(selector=selector)


@external
def set_fee(selector: bytes4, fee_bps: uint256):
    """
    @notice Set the protocol's share of a method's payouts, for later posts.
    """
    ownable._check_owner()
    assert fee_bps <= MAX_FEE_BPS, "fee too high"
    self._set_method_field(selector, 32, 65_535, fee_bps)
    log IJobMarketplace.FeeSet(selector=selector, fee_bps=fee_bps)


@external
def pause_posts(selector: bytes4, paused: bool):
    """
    @notice Stop or resume new posts under a method. Everything else goes on.
    """
    ownable._check_owner()
    self._set_method_field(selector, 8, 255, convert(paused, uint256))
    log IJobMarketplace.PostsPaused(selector=selector, paused=paused)


@external
def collect_fees(token: address, to: address):
    """
    @notice Send the fees taken so far in a token to an address.
    """
    ownable._check_owner()
    amount: uint256 = self.fees[token]
    self.fees[token] = 0
    log IJobMarketplace.FeesCollected(token=token, to=to, amount=amount)
    self._push(token, amount, to)


@internal
def _add_method(selector: bytes4, plugin: address, max_n: uint256, max_delay: uint256, fee_bps: uint256, hedge: bool):
    assert self._methods[selector] == 0, "selector is taken"
    assert plugin != empty(address), "plug-in"
    assert max_n >= 1 and max_n <= batch_merkle.MAX_ITEMS, "max_n"
    assert max_delay < 2**32, "max_delay"
    assert fee_bps <= MAX_FEE_BPS, "fee too high"
    self._methods[selector] = (
        (convert(plugin, uint256) << 96)
        | (max_n << 80)
        | (max_delay << 48)
        | (fee_bps << 32)
        | (convert(hedge, uint256) << 16)
    )
    log IJobMarketplace.MethodAdded(selector=selector, plugin=plugin, max_n=max_n, max_delay=max_delay, hedge=hedge)
    log IJobMarketplace.FeeSet(selector=selector, fee_bps=fee_bps)


@internal
def _set_method_field(selector: bytes4, low_bit: uint256, mask: uint256, content: uint256):
    word: uint256 = self._methods[selector]
    assert word != 0, "unknown method"
    self._methods[selector] = (word & ~(mask << low_bit)) | (content << low_bit)


################################################################
#                            VIEWS                             #
################################################################


@view
@external
def balance_of(token: address, account: address) -> uint256:
    return self._balances[token][account]


@view
@external
def job(job_id: bytes32) -> (uint256, address, uint256, uint256, uint256, uint256):
    word: uint256 = self._jobs[job_id]
    return (
        word & 15,
        convert(word >> OPERATOR, address),
        self._posted_at(word) if word & 15 == states.OPEN else 0,
        self._pledge(word),
        self._first(word),
        self._bond(word),
    )


@view
@external
def job_id_of(terms: IJobMarketplace.JobTerms) -> bytes32:
    return self._job_id(terms)


@view
@reentrant
@external
def plugin_of(selector: bytes4) -> address:
    return self._plugin(selector)


@view
@external
def method(selector: bytes4) -> IJobMarketplace.Method:
    word: uint256 = self._methods[selector]
    return IJobMarketplace.Method(
        plugin=convert(word >> 96, address),
        max_n=(word >> 80) & 65_535,
        max_delay=(word >> 48) & (2**32 - 1),
        fee_bps=(word >> 32) & 65_535,
        hedge=(word >> 16) & 255 == 1,
        paused=(word >> 8) & 255 == 1,
        retired=word & 255 == 1,
    )


@pure
@reentrant
@external
def output_commitment(output: Bytes[MAX_OUTPUT], n: uint256, item_size: uint256) -> bytes32:
    return batch_merkle._commit(output, n, item_size)


@view
@internal
def _plugin(selector: bytes4) -> address:
    return convert(self._methods[selector] >> 96, address)


@view
@internal
def _job_id(terms: IJobMarketplace.JobTerms) -> bytes32:
    return eip712._hash_typed_data_v4(keccak256(abi_encode(TERMS_TYPEHASH, terms)))


@pure
@internal
def _pledge(word: uint256) -> uint256:
    """
    @return wei.
    """
    return ((word >> PLEDGE) & (2**40 - 1)) * ONE_GWEI


@pure
@internal
def _posted_at(word: uint256) -> uint256:
    return (word >> POSTED) & (2**38 - 1)


@pure
@internal
def _bond(word: uint256) -> uint256:
    """
    @return wei; zero unless a claim is pending.
    """
    return ((word >> POSTED) & (2**38 - 1)) * BOND_UNIT if word & 15 == states.PENDING else 0


@view
@internal
def _primary(terms: IJobMarketplace.JobTerms) -> address:
    return (staticcall ISubnetRegistry(SUBNETS).member(terms.subnet_id, conditions._primary(terms.conditions)))[0]


@pure
@internal
def _first(word: uint256) -> uint256:
    return (word >> FIRST) & 15
