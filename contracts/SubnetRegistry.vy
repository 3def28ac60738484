# SPDX-License-Identifier: AGPL-3.0-only
# pragma version ~=0.4.3
# pragma nonreentrancy on
"""
@title Subnet registry
@license AGPL-3.0-only
@author Model Network
@notice Operators, stake, offers, subnets. Has no owner: all parameters are immutable.

        Seats. A book (model, method, token) has 32 seats a tier. A seat is one word,
            operator index (32) | price per item (96) | weight in gwei (64) | region (8) | since epoch (56)
        from high to low. A change written in epoch e is in force from e + 1; the word it replaces is kept
        beside it, so the books of the running epoch can always be read. An all-zero word was never used
        and ends the scan; weight zero is a vacant seat.

        Operators. An operator is two words, from high to low:
            stake (96) | reserved (96) | index (32) | offers (32), wei
            unbonding (96) | unbonded at (40) | penalty bps (16) | penalty at (40), low 64 bits free

        Subnets. A subnet's header is one word,
            book tag (160) | royalty bps (16) | k (8) | expiry (48), low 24 bits free; expiry 0 = requested only
        and each member half a word, operator index (32) | price per item (96). The seed is the hash of the first
        block after the request that lies in the epoch whose books are drawn from, so neither the
        requester nor any operator can know it while the books can still change.
"""

from interfaces import IJobMarketplace
from interfaces import IModelRegistry
from interfaces import ISubnetRegistry
from .modules import weighted_draw

implements: ISubnetRegistry

SEATS: constant(uint256) = 32
TIERS: constant(uint256) = 3
MAX_K: constant(uint256) = 8
ONE_GWEI: constant(uint256) = 10**9
BPS: constant(uint256) = 10_000
# What a proven fault takes from reputation, and how long a full loss takes to heal.
FAULT_BPS: constant(uint256) = 2_000
MAX_PENALTY_BPS: constant(uint256) = 9_000
HEAL_SECONDS: constant(uint256) = 90 * 86_400
BURN_ADDRESS: constant(address) = 0x000000000000000000000000000000000000dEaD
# Where the fields of an operator's stake begin.
STAKE: constant(uint256) = 160
RESERVED: constant(uint256) = 64
INDEX: constant(uint256) = 32
AMOUNT_MASK: constant(uint256) = 2**96 - 1
ADDRESS_MASK: constant(uint256) = 2**160 - 1
SINCE_MASK: constant(uint256) = 2**56 - 1
WEIGHT_MASK: constant(uint256) = 2**64 - 1
PRICE_MASK: constant(uint256) = 2**96 - 1

MARKET: public(immutable(address))
MODELS: public(immutable(address))
# Stake needed for each offer an operator has, wei.
MIN_STAKE: public(immutable(uint256))
# Paid by the requester of a subnet to the keeper who forms it, wei.
FORMATION_TIP: public(immutable(uint256))
# Blocks in an epoch, and how many blocks before its end requests already count for the next.
EPOCH_BLOCKS: public(immutable(uint256))
LEAD_BLOCKS: public(immutable(uint256))
# Seconds a subnet accepts posts, and a withdrawal of stake waits.
SUBNET_TTL: public(immutable(uint256))
UNBOND_SECONDS: public(immutable(uint256))
# EIP-2935 history contract where epochs are longer than 256 blocks, else zero.
BLOCK_HISTORY: public(immutable(address))


struct Operator:
    index: uint256  # from 1
    stake: uint256  # wei, reserved part included
    reserved: uint256  # wei pledged to jobs or locked by plug-ins
    offers: uint256
    penalty_bps: uint256  # as of penalty_at
    penalty_at: uint256
    unbonding: uint256
    unbonded_at: uint256


# What is at stake, and what was lost or is on its way out.
_stakes: HashMap[address, uint256]
_losses: HashMap[address, uint256]
operator_at: public(HashMap[uint256, address])
operator_count: public(uint256)
# operator -> plug-in -> the operator's index, zero if not opted in
opted_in: public(HashMap[address, HashMap[address, uint256]])
# operator -> book -> tier << 8 | seat, plus 1 << 16 so that zero means no offer
offer_seat: public(HashMap[address, HashMap[bytes32, uint256]])
# row (a book's tier, see `row_of`) -> seat, now and before the latest change
seats: public(HashMap[bytes32, uint256[SEATS]])
seats_before: public(HashMap[bytes32, uint256[SEATS]])
# spec -> seed block of its latest request
seed_block: public(HashMap[bytes32, uint256])
header: public(HashMap[bytes32, uint256])
# Members two a word, the lower half first; zero ends the list.
_pairs: HashMap[bytes32, uint256[MAX_K // 2]]
# plug-in -> job -> amount << 160 | operator
locks: public(HashMap[address, HashMap[bytes32, uint256]])
# Tips and rewards to withdraw, and slashed coins to burn.
credit: public(HashMap[address, uint256])
to_burn: public(uint256)


@deploy
def __init__(
    market: address,
    models: address,
    min_stake: uint256,
    formation_tip: uint256,
    epoch_blocks: uint256,
    lead_blocks: uint256,
    subnet_ttl: uint256,
    unbond_seconds: uint256,
    block_history: address,
):
    assert min_stake >= ONE_GWEI, "stake too small"
    assert lead_blocks > 2 and lead_blocks < epoch_blocks, "lead"
    assert subnet_ttl > 0 and subnet_ttl < 2**40, "ttl"
    assert unbond_seconds < 2**39, "unbonding"
    # blockhash() reaches back 256 blocks, EIP-2935 8191; formation must always find its seed.
    assert epoch_blocks <= (8_000 if block_history != empty(address) else 250), "epoch too long"
    MARKET = market
    MODELS = models
    MIN_STAKE = min_stake
    FORMATION_TIP = formation_tip
    EPOCH_BLOCKS = epoch_blocks
    LEAD_BLOCKS = lead_blocks
    SUBNET_TTL = subnet_ttl
    UNBOND_SECONDS = unbond_seconds
    BLOCK_HISTORY = block_history


################################################################
#                          OPERATORS                           #
################################################################


@external
@payable
def register(manifest_hash: bytes32, endpoint: String[128]):
    assert self._index(msg.sender) == 0, "already registered"
    self.operator_count += 1
    self._stakes[msg.sender] = self.operator_count << INDEX
    self.operator_at[self.operator_count] = msg.sender
    log ISubnetRegistry.OperatorRegistered(operator=msg.sender, index=self.operator_count)
    self._add_stake(msg.sender)
    log ISubnetRegistry.ManifestSet(operator=msg.sender, manifest_hash=manifest_hash, endpoint=endpoint)


@external
def set_manifest(manifest_hash: bytes32, endpoint: String[128]):
    assert self._index(msg.sender) != 0, "not registered"
    log ISubnetRegistry.ManifestSet(operator=msg.sender, manifest_hash=manifest_hash, endpoint=endpoint)


@external
@payable
def add_stake(operator: address):
    assert self._index(operator) != 0, "not registered"
    self._add_stake(operator)


@external
def unbond(amount: uint256):
    op: Operator = self._operator(msg.sender)
    # Seats carry the stake they were given as their weight; it may not leave while they stand.
    assert op.offers == 0, "end offers first"
    assert amount > 0 and amount <= op.stake - op.reserved, "stake not free"
    assert op.unbonding + amount <= AMOUNT_MASK, "stake too large"
    # A second unbonding starts the clock of the first again: one record, no queue.
    ready_at: uint256 = block.timestamp + UNBOND_SECONDS
    self._stakes[msg.sender] -= amount << STAKE
    self._set_losses(msg.sender, op.unbonding + amount, ready_at, op.penalty_bps, op.penalty_at)
    log ISubnetRegistry.Unbonding(operator=msg.sender, amount=amount, ready_at=ready_at)


@external
def withdraw_stake(to: address):
    op: Operator = self._operator(msg.sender)
    amount: uint256 = op.unbonding
    assert amount != 0, "nothing unbonding"
    assert block.timestamp >= op.unbonded_at, "still unbonding"
    self._set_losses(msg.sender, 0, op.unbonded_at, op.penalty_bps, op.penalty_at)
    log ISubnetRegistry.StakeWithdrawn(operator=msg.sender, amount=amount)
    raw_call(to, b"", value=amount)


@external
def opt_in(selector: bytes4):
    # Only plug-ins of the market's table: an operator's own contract could slash it to itself and so
    # carry stake past the unbonding delay.
    plugin: address = staticcall IJobMarketplace(MARKET).plugin_of(selector)
    assert plugin != empty(address), "unknown method"
    index: uint256 = self._index(msg.sender)
    assert index != 0, "not registered"
    self.opted_in[msg.sender][plugin] = index
    log ISubnetRegistry.OptedIn(operator=msg.sender, selector=selector, plugin=plugin)


@external
def opt_out(selector: bytes4):
    plugin: address = staticcall IJobMarketplace(MARKET).plugin_of(selector)
    assert self.opted_in[msg.sender][plugin] != 0, "not opted in"
    self.opted_in[msg.sender][plugin] = 0
    log ISubnetRegistry.OptedOut(operator=msg.sender, selector=selector, plugin=plugin)


@internal
@payable
def _add_stake(operator: address):
    word: uint256 = self._stakes[operator]
    stake: uint256 = (word >> STAKE) + msg.value
    assert stake <= AMOUNT_MASK, "stake too large"
    self._stakes[operator] = word + (msg.value << STAKE)
    log ISubnetRegistry.StakeAdded(operator=operator, amount=msg.value, stake=stake)


################################################################
#                        OFFERS, SEATS                         #
################################################################


@external
def offer(
    model_id: bytes32,
    selector: bytes4,
    token: address,
    tier: uint256,
    region: uint256,
    price: uint256,
    limits: uint256,
):
    plugin: address = staticcall IJobMarketplace(MARKET).plugin_of(selector)
    assert self.opted_in[msg.sender][plugin] != 0, "not opted in"
    self._assert_model(model_id)
    assert tier < TIERS, "unknown tier"
    assert region < 256, "unknown region"
    assert price < 2**96, "price too high"
    book_id: bytes32 = self._book_id(model_id, selector, token)

    place: uint256 = self.offer_seat[msg.sender][book_id]
    if place != 0 and (place >> 8) & 255 != tier:
        self._vacate(msg.sender, book_id)
        place = 0
    op: Operator = self._operator(msg.sender)
    if place == 0:
        assert op.stake >= (op.offers + 1) * MIN_STAKE, "stake too low"
        self._stakes[msg.sender] += 1
    weight: uint256 = self._weight(op)
    seat: uint256 = place & 255
    if place == 0:
        seat = self._take_seat(book_id, tier, weight)
        self.offer_seat[msg.sender][book_id] = (1 << 16) | (tier << 8) | seat
    self._write_seat(book_id, tier, seat, (op.index << 224) | (price << 128) | (weight << 64) | (region << 56))
    log ISubnetRegistry.Offered(
        operator=msg.sender,
        book_id=book_id,
        model_id=model_id,
        selector=selector,
        token=token,
        tier=tier,
        region=region,
        price=price,
        limits=limits,
    )


@external
def end_offer(book_id: bytes32):
    assert self.offer_seat[msg.sender][book_id] != 0, "no offer"
    self._vacate(msg.sender, book_id)


@external
def sync(operator: address, book_id: bytes32):
    place: uint256 = self.offer_seat[operator][book_id]
    assert place != 0, "no offer"
    op: Operator = self._operator(operator)
    if op.stake < op.offers * MIN_STAKE:
        self._vacate(operator, book_id)
        return
    tier: uint256 = (place >> 8) & 255
    seat: uint256 = place & 255
    word: uint256 = self.seats[self._row(book_id, tier)][seat]
    kept: uint256 = word & ~((WEIGHT_MASK << 64) | SINCE_MASK)
    self._write_seat(book_id, tier, seat, kept | (self._weight(op) << 64))


@internal
def _vacate(operator: address, book_id: bytes32):
    """
    @dev Clears the operator's side of an offer and leaves a vacant seat.
    """
    place: uint256 = self.offer_seat[operator][book_id]
    self.offer_seat[operator][book_id] = 0
    self._stakes[operator] -= 1
    self._write_seat(book_id, (place >> 8) & 255, place & 255, 0)
    log ISubnetRegistry.OfferEnded(operator=operator, book_id=book_id)


@internal
def _take_seat(book_id: bytes32, tier: uint256, weight: uint256) -> uint256:
    """
    @dev The first seat nobody holds, else the smallest one if the newcomer outweighs it.
    """
    row: bytes32 = self._row(book_id, tier)
    smallest: uint256 = max_value(uint256)
    seat: uint256 = 0
    for i: uint256 in range(SEATS):
        held: uint256 = (self.seats[row][i] >> 64) & WEIGHT_MASK
        if held == 0:
            return i
        if held < smallest:
            smallest = held
            seat = i
    assert weight > smallest, "book full"
    self._vacate(self.operator_at[self.seats[row][seat] >> 224], book_id)
    return seat


@internal
def _write_seat(book_id: bytes32, tier: uint256, seat: uint256, content: uint256):
    """
    @param content the word with its `since` field zero.
    """
    epoch: uint256 = self._epoch(block.number)
    row: bytes32 = self._row(book_id, tier)
    current: uint256 = self.seats[row][seat]
    if current & SINCE_MASK <= epoch:
        # The last word in force; a change not yet in force is simply overwritten.
        self.seats_before[row][seat] = current
    word: uint256 = content | (epoch + 1)
    self.seats[row][seat] = word
    log ISubnetRegistry.SeatChanged(book_id=book_id, tier=tier, seat=seat, word=word)


@view
@internal
def _weight(op: Operator) -> uint256:
    """
    @return Stake less what proven faults took from reputation, in gwei; at least 1.
    """
    weight: uint256 = op.stake * (BPS - self._penalty(op)) // BPS // ONE_GWEI
    return min(max(weight, 1), WEIGHT_MASK)


@view
@internal
def _penalty(op: Operator) -> uint256:
    healed: uint256 = (block.timestamp - op.penalty_at) * BPS // HEAL_SECONDS
    return op.penalty_bps - min(healed, op.penalty_bps)


################################################################
#                          FORMATION                           #
################################################################


@external
@payable
def request(spec: ISubnetRegistry.Spec) -> bytes32:
    assert spec.k >= 1 and spec.k <= MAX_K, "k"
    assert spec.tiers >= 1 and spec.tiers < 2**TIERS, "tiers"
    assert spec.region < 256, "region"
    assert spec.band <= 96, "band"
    assert staticcall IJobMarketplace(MARKET).plugin_of(spec.selector) != empty(address), "unknown method"
    royalty: uint256 = self._assert_model(spec.model_id)
    spec_id: bytes32 = keccak256(abi_encode(spec))
    assert msg.value == self._request_cost(spec_id), "wrong tip"

    # In the last LEAD_BLOCKS of an epoch the draw is from the next one's books, and its seed from the
    # first block in which those are frozen.
    epoch: uint256 = self._epoch(block.number + LEAD_BLOCKS)
    seed_at: uint256 = max(block.number + 1, epoch * EPOCH_BLOCKS)
    self.seed_block[spec_id] = seed_at
    subnet_id: bytes32 = keccak256(abi_encode(spec_id, seed_at))
    tag: uint256 = self._tag(self._book_id(spec.model_id, spec.selector, spec.token))
    self.header[subnet_id] = (tag << 96) | (royalty << 80) | (spec.k << 72)
    log ISubnetRegistry.SubnetRequested(subnet_id=subnet_id, spec_id=spec_id, spec=spec, seed_block=seed_at)
    return subnet_id


@view
@external
def request_cost(spec: ISubnetRegistry.Spec) -> uint256:
    """
    @return Wei to send with `request`. Reverts while the spec has a live or pending subnet.
    """
    return self._request_cost(keccak256(abi_encode(spec)))


@external
def form(spec: ISubnetRegistry.Spec) -> bytes32:
    spec_id: bytes32 = keccak256(abi_encode(spec))
    seed_at: uint256 = self.seed_block[spec_id]
    subnet_id: bytes32 = keccak256(abi_encode(spec_id, seed_at))
    head: uint256 = self.header[subnet_id]
    assert seed_at != 0, "not requested"
    assert (head >> 24) & (2**48 - 1) == 0, "already formed"
    assert block.number > seed_at, "too early"
    epoch: uint256 = self._epoch(seed_at)
    assert self._epoch(block.number) == epoch, "stale request"

    seed: bytes32 = keccak256(abi_encode(self._block_hash(seed_at), spec_id))
    picks: uint256[MAX_K] = self._draw(spec, seed, epoch)
    expires: uint256 = block.timestamp + SUBNET_TTL
    self.header[subnet_id] = head | (expires << 24)
    for i: uint256 in range(MAX_K // 2):
        pair: uint256 = (picks[2 * i + 1] << 128) | picks[2 * i]
        if pair == 0:
            break
        self._pairs[subnet_id][i] = pair
    self.credit[msg.sender] += FORMATION_TIP
    log ISubnetRegistry.SubnetFormed(
        subnet_id=subnet_id, spec_id=spec_id, seed=seed, epoch=epoch, expires=expires, members=picks
    )
    return subnet_id


@view
@internal
def _draw(spec: ISubnetRegistry.Spec, seed: bytes32, epoch: uint256) -> uint256[MAX_K]:
    """
    @return The k members, best first, each as operator index << 96 | price.
    """
    book_id: bytes32 = self._book_id(spec.model_id, spec.selector, spec.token)
    cap: uint256 = 1 << spec.band
    last: uint256 = spec.k - 1
    count: uint256 = 0
    keys: uint256[MAX_K] = empty(uint256[MAX_K])
    picks: uint256[MAX_K] = empty(uint256[MAX_K])
    for tier: uint256 in range(TIERS):
        if (spec.tiers >> tier) & 1 == 0:
            continue
        row: bytes32 = self._row(book_id, tier)
        for i: uint256 in range(SEATS):
            word: uint256 = self.seats[row][i]
            if word == 0:
                break
            if word & SINCE_MASK > epoch:
                word = self.seats_before[row][i]
            weight: uint256 = (word >> 64) & WEIGHT_MASK
            if weight == 0 or (word >> 128) & PRICE_MASK > cap:
                continue
            if spec.region != 0 and (word >> 56) & 255 != spec.region:
                continue
            u: uint256 = weighted_draw._uniform(seed, word >> 224)
            if count > last and weighted_draw._least_key(u, weight) >= keys[last]:
                continue
            key: uint256 = weighted_draw._key(u, weight)
            if count > last and key >= keys[last]:
                continue
            # Insert in order; of equal keys the one that came first stays ahead.
            place: uint256 = min(count, last)
            count = min(count + 1, spec.k)
            for _: uint256 in range(MAX_K):
                if place == 0 or keys[place - 1] <= key:
                    break
                keys[place] = keys[place - 1]
                picks[place] = picks[place - 1]
                place -= 1
            keys[place] = key
            picks[place] = word >> 128
    assert count == spec.k, "too few candidates"
    return picks


@view
@internal
def _request_cost(spec_id: bytes32) -> uint256:
    seed_at: uint256 = self.seed_block[spec_id]
    if seed_at == 0:
        return FORMATION_TIP
    expires: uint256 = (self.header[keccak256(abi_encode(spec_id, seed_at))] >> 24) & (2**48 - 1)
    if expires != 0:
        # The last quarter of a subnet's life is for forming the next one.
        assert block.timestamp + SUBNET_TTL // 4 >= expires, "subnet is live"
        return FORMATION_TIP
    # A request that could still be formed stands: whoever dislikes its seed can't draw again.
    assert self._epoch(block.number) > self._epoch(seed_at), "request is pending"
    return 0  # the tip of the stale request carries over


@view
@internal
def _block_hash(number: uint256) -> bytes32:
    found: bytes32 = empty(bytes32)
    if BLOCK_HISTORY != empty(address):
        ok: bool = False
        answer: Bytes[32] = b""
        ok, answer = raw_call(
            BLOCK_HISTORY, abi_encode(number), max_outsize=32, is_static_call=True, revert_on_failure=False
        )
        assert ok and len(answer) == 32, "no block hash"
        found = convert(answer, bytes32)
    else:
        found = blockhash(number)
    # EIP-2935 answers zero for a block that it was never told of: a seed that anyone could have known.
    assert found != empty(bytes32), "no block hash"
    return found


@view
@internal
def _epoch(number: uint256) -> uint256:
    return number // EPOCH_BLOCKS


@view
@internal
def _assert_model(model_id: bytes32) -> uint256:
    """
    @return The model's royalty in bps.
    """
    publisher: address = empty(address)
    royalty: uint256 = 0
    publisher, royalty = staticcall IModelRegistry(MODELS).record(model_id)
    assert publisher != empty(address), "unknown model"
    return royalty


################################################################
#                     BONDS OF PLUG-INS                        #
################################################################


@external
def lock(job_id: bytes32, operator: address, amount: uint256):
    assert self.opted_in[operator][msg.sender] != 0, "not opted in"
    assert self.locks[msg.sender][job_id] == 0, "already locked"
    assert amount > 0 and amount < 2**96, "amount"
    self._reserve(operator, amount)
    self.locks[msg.sender][job_id] = (amount << 160) | convert(operator, uint256)
    log ISubnetRegistry.Locked(plugin=msg.sender, job_id=job_id, operator=operator, amount=amount)


@external
def unlock(job_id: bytes32):
    self._unlock(msg.sender, job_id)


@external
def slash(job_id: bytes32, reward: uint256, rewardee: address):
    operator: address = empty(address)
    amount: uint256 = 0
    operator, amount = self._pop_lock(msg.sender, job_id)
    self._slash(job_id, operator, amount, reward, rewardee)


@internal
def _unlock(plugin: address, job_id: bytes32):
    operator: address = empty(address)
    amount: uint256 = 0
    operator, amount = self._pop_lock(plugin, job_id)
    self._release(operator, amount)
    log ISubnetRegistry.Unlocked(plugin=plugin, job_id=job_id, operator=operator, amount=amount)


@internal
def _pop_lock(plugin: address, job_id: bytes32) -> (address, uint256):
    word: uint256 = self.locks[plugin][job_id]
    assert word != 0, "not locked"
    self.locks[plugin][job_id] = 0
    return convert(word & ADDRESS_MASK, address), word >> 160


################################################################
#                PLEDGES AND BONDS OF THE MARKET               #
################################################################


@external
def reserve(operator: address, amount: uint256):
    assert msg.sender == MARKET, "only market"
    self._reserve(operator, amount)


@external
def release(operator: address, amount: uint256):
    assert msg.sender == MARKET, "only market"
    self._release(operator, amount)


@external
def slash_reserved(job_id: bytes32, operator: address, amount: uint256, reward: uint256, rewardee: address):
    assert msg.sender == MARKET, "only market"
    self._slash(job_id, operator, amount, reward, rewardee)


################################################################
#                        RESERVED STAKE                        #
################################################################


@internal
def _reserve(operator: address, amount: uint256):
    word: uint256 = self._stakes[operator]
    assert ((word >> RESERVED) & AMOUNT_MASK) + amount <= word >> STAKE, "stake not free"
    self._stakes[operator] = word + (amount << RESERVED)


@internal
def _release(operator: address, amount: uint256):
    word: uint256 = self._stakes[operator]
    assert (word >> RESERVED) & AMOUNT_MASK >= amount, "not reserved"
    self._stakes[operator] = word - (amount << RESERVED)


@internal
def _slash(job_id: bytes32, operator: address, amount: uint256, reward: uint256, rewardee: address):
    """
    @dev Takes reserved stake; what is not rewarded burns. A fault also costs reputation.
    """
    assert reward <= amount // 2, "reward above half"
    self._release(operator, amount)
    self._stakes[operator] -= amount << STAKE
    op: Operator = self._operator(operator)
    penalty: uint256 = min(self._penalty(op) + FAULT_BPS, MAX_PENALTY_BPS)
    self._set_losses(operator, op.unbonding, op.unbonded_at, penalty, block.timestamp)
    if reward != 0:
        self.credit[rewardee] += reward
    self.to_burn += amount - reward
    log ISubnetRegistry.Slashed(
        operator=operator, by=msg.sender, job_id=job_id, amount=amount, rewarded=reward, rewardee=rewardee
    )


################################################################
#                        TIPS, REWARDS                         #
################################################################


@external
def withdraw_credit(to: address):
    amount: uint256 = self.credit[msg.sender]
    assert amount != 0, "no credit"
    self.credit[msg.sender] = 0
    log ISubnetRegistry.CreditWithdrawn(account=msg.sender, amount=amount, to=to)
    raw_call(to, b"", value=amount)


@external
def burn():
    amount: uint256 = self.to_burn
    self.to_burn = 0
    log ISubnetRegistry.Burned(amount=amount)
    raw_call(BURN_ADDRESS, b"", value=amount)


################################################################
#                            VIEWS                             #
################################################################


@view
@reentrant
@external
def admits(
    subnet_id: bytes32, model_id: bytes32, selector: bytes4, token: address, primary: uint256, royalty_cap: uint256
) -> bool:
    head: uint256 = self.header[subnet_id]
    assert block.timestamp < (head >> 24) & (2**48 - 1), "subnet not live"
    assert head >> 96 == self._tag(self._book_id(model_id, selector, token)), "subnet of another book"
    assert primary < (head >> 72) & 255, "no such member"
    assert royalty_cap >= (head >> 80) & (2**16 - 1), "royalty cap too low"
    return True


@view
@reentrant
@external
def eligible(
    subnet_id: bytes32, operator: address, first: uint256, turns: uint256, plugin: address
) -> (uint256, uint256):
    who: uint256 = self.opted_in[operator][plugin]
    assert who != 0, "not opted in"
    # Walks on from `first`, starting over where the list ends; no need to read k.
    index: uint256 = first
    for i: uint256 in range(min(turns, MAX_K - 1) + 1, bound=MAX_K):
        half: uint256 = self._half(subnet_id, index)
        if half == 0:
            index = 0
            half = self._half(subnet_id, 0)
        if half >> 96 == who:
            return half & PRICE_MASK, index
        index += 1
    raise "not your turn"


@view
@reentrant
@external
def member(subnet_id: bytes32, index: uint256) -> (address, uint256):
    return self._member(subnet_id, index)


@view
@reentrant
@external
def price_of(subnet_id: bytes32, index: uint256) -> uint256:
    return self._half(subnet_id, index) & PRICE_MASK


@view
@external
def members(subnet_id: bytes32) -> DynArray[address, 8]:
    found: DynArray[address, 8] = []
    for i: uint256 in range(MAX_K):
        half: uint256 = self._half(subnet_id, i)
        if half == 0:
            break
        found.append(self.operator_at[half >> 96])
    return found


@view
@reentrant
@external
def stake_of(operator: address) -> uint256:
    return self._stakes[operator] >> STAKE


@view
@external
def operators(operator: address) -> Operator:
    return self._operator(operator)


@view
@external
def penalty_of(operator: address) -> uint256:
    """
    @return What proven faults take from the operator's weight now, bps.
    """
    return self._penalty(self._operator(operator))


@view
@external
def epoch() -> uint256:
    return self._epoch(block.number)


@view
@external
def spec_id_of(spec: ISubnetRegistry.Spec) -> bytes32:
    return keccak256(abi_encode(spec))


@view
@external
def latest_subnet(spec: ISubnetRegistry.Spec) -> (bytes32, uint256):
    """
    @return The spec's latest subnet id (zero if never requested) and its expiry (zero until formed).
    """
    spec_id: bytes32 = keccak256(abi_encode(spec))
    seed_at: uint256 = self.seed_block[spec_id]
    if seed_at == 0:
        return empty(bytes32), 0
    subnet_id: bytes32 = keccak256(abi_encode(spec_id, seed_at))
    return subnet_id, (self.header[subnet_id] >> 24) & (2**48 - 1)


@view
@external
def row_of(book_id: bytes32, tier: uint256) -> bytes32:
    return self._row(book_id, tier)


@view
@external
def book_id_of(model_id: bytes32, selector: bytes4, token: address) -> bytes32:
    return self._book_id(model_id, selector, token)


@view
@internal
def _index(operator: address) -> uint256:
    return (self._stakes[operator] >> INDEX) & (2**32 - 1)


@view
@internal
def _operator(operator: address) -> Operator:
    word: uint256 = self._stakes[operator]
    losses: uint256 = self._losses[operator]
    return Operator(
        index=(word >> INDEX) & (2**32 - 1),
        stake=word >> STAKE,
        reserved=(word >> RESERVED) & AMOUNT_MASK,
        offers=word & (2**32 - 1),
        penalty_bps=(losses >> 104) & (2**16 - 1),
        penalty_at=(losses >> 64) & (2**40 - 1),
        unbonding=losses >> 160,
        unbonded_at=(losses >> 120) & (2**40 - 1),
    )


@internal
def _set_losses(operator: address, unbonding: uint256, unbonded_at: uint256, penalty_bps: uint256, penalty_at: uint256):
    self._losses[operator] = (unbonding << 160) | (unbonded_at << 120) | (penalty_bps << 104) | (penalty_at << 64)


@view
@internal
def _member(subnet_id: bytes32, index: uint256) -> (address, uint256):
    half: uint256 = self._half(subnet_id, index)
    assert half != 0, "no such member"
    return self.operator_at[half >> 96], half & PRICE_MASK


@view
@internal
def _half(subnet_id: bytes32, index: uint256) -> uint256:
    """
    @return operator index << 96 | price per item; zero behind the last member.
    """
    if index >= MAX_K:
        return 0
    return (self._pairs[subnet_id][index // 2] >> (128 * (index % 2))) & (2**128 - 1)


@pure
@internal
def _row(book_id: bytes32, tier: uint256) -> bytes32:
    return keccak256(abi_encode(book_id, tier))


@pure
@internal
def _book_id(model_id: bytes32, selector: bytes4, token: address) -> bytes32:
    return keccak256(abi_encode(model_id, selector, token))


@pure
@internal
def _tag(book_id: bytes32) -> uint256:
    return convert(book_id, uint256) >> 96
