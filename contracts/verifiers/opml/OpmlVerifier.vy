# SPDX-License-Identifier: AGPL-3.0-only
# pragma version ~=0.4.3
# pragma nonreentrancy on
"""
@title Method `opml`: claims and games
@license AGPL-3.0-only
@author Model Network
@notice A claim is an answer under a bond. Whoever recomputed it and got another opens a game: the claimant
        commits to its whole trace by one root, the challenger goes down that tree to one element, and a
        step contract recomputes the element from what the claimant itself committed to. Rules:
        docs/opml-game.md. Has no owner.

        Facts are shared, positions are not. What a claimant publishes is proved by hashes alone and stored
        once, by hash, for all games of its claim; a game holds only where its challenger stands and both clocks. The
        claimant is on turn while what the game asks for is unknown, else the challenger is. A challenger
        that knows the trace otherwise may skip moves.

        A claim is one word under its job: commitment to the output, cut to 168 bits | block of the claim, its
        lower bits (16) | depth of the trace (5) | clock (15) | final_at (36) | open games (16). Without the last
        field it names the claim.
"""

from ...modules import job_conditions as conditions
from ...modules import job_states as states
from .modules import opml_profile as profile
from .modules import opml_trees as trees

from interfaces import IJobMarketplace
from interfaces import IModelRegistry
from interfaces import IOpmlJudge
from interfaces import IOpmlVerifier
from interfaces import ISubnetRegistry

implements: IOpmlVerifier

exports: trees.commitment

MAX_OUTPUT: constant(uint256) = 16_384
MAX_INPUT: constant(uint256) = 4_096
MAX_NODES: constant(uint256) = 2**20
MAX_CALLS: constant(uint256) = 16
MAX_CALL: constant(uint256) = 1_280
MAX_TENSOR: constant(uint256) = 2**40
# Of an answer, in bytes: a hash and the values of 128 blocks.
MAX_ANSWER: constant(uint256) = 4_192
BURN_ADDRESS: constant(address) = 0x000000000000000000000000000000000000dEaD
ONE_GWEI: constant(uint256) = 10**9
# What a requester asks for on top of the chain's bond counts in millionths of a coin.
BOND_UNIT: constant(uint256) = 10**12
# After a claim fell, the time in which others' proofs share the reward.
JOIN_SECONDS: constant(uint256) = 3_600

TRACE: constant(uint256) = 1
ELEMENT: constant(uint256) = 3
WON: constant(uint256) = 4
NAMED: constant(uint256) = 5
# In keys, beside the levels of a tree, which are fewer: what a leaf of the trace holds.
HELD: constant(uint256) = 64

PROVED: constant(uint256) = 1
CLAIMANT_LATE: constant(uint256) = 2
CHALLENGER_LATE: constant(uint256) = 4
VOID: constant(uint256) = 5

MARKET: public(immutable(address))
SUBNETS: public(immutable(address))
MODELS: public(immutable(address))
JUDGE: public(immutable(address))
# The contract that draws and pays audits, OpmlAudits.
AUDITS: public(immutable(address))
# Seconds.
MIN_WINDOW: public(immutable(uint256))
MAX_WINDOW: public(immutable(uint256))
MIN_CLOCK: public(immutable(uint256))
MAX_CLOCK: public(immutable(uint256))
# A challenger's bond: this many wei, and this much gas at the base fee, at the least. A claim locks twice that.
MIN_BOND: public(immutable(uint256))
BOND_GAS: public(immutable(uint256))

_claims: HashMap[bytes32, uint256]
trace_roots: public(HashMap[bytes32, bytes32])
# claim id, challenger -> node and packed word of a game
_nodes: HashMap[bytes32, HashMap[address, bytes32]]
_games: HashMap[bytes32, HashMap[address, uint256]]
# claim id, key of a question -> when it was answered (40), for partial sums with the upper bits of their hash.
_answers: HashMap[bytes32, HashMap[bytes32, uint256]]
# claim id -> reward (160) | winners (16) | when the claim fell (40) | when its trace was posted (40)
_records: HashMap[bytes32, uint256]
credit: public(HashMap[address, uint256])
to_burn: public(uint256)


@deploy
def __init__(
    market: address,
    subnets: address,
    models: address,
    judge: address,
    audits: address,
    windows: uint256[2],
    clocks: uint256[2],
    min_bond: uint256,
    bond_gas: uint256,
):
    """
    @param windows shortest and longest time, in seconds, in which a claim can be challenged.
    @param clocks shortest and longest time, in seconds, that each side has in a game.
    """
    assert windows[0] > 0 and windows[0] <= windows[1] and windows[1] < 2**35, "windows"
    assert clocks[0] > 0 and clocks[0] <= clocks[1] and clocks[1] < 2**15, "clocks"
    assert min_bond > 0, "bond"
    MARKET = market
    SUBNETS = subnets
    MODELS = models
    JUDGE = judge
    AUDITS = audits
    MIN_WINDOW = windows[0]
    MAX_WINDOW = windows[1]
    MIN_CLOCK = clocks[0]
    MAX_CLOCK = clocks[1]
    MIN_BOND = min_bond
    BOND_GAS = bond_gas


@external
@payable
@reentrant
def __default__():
    # The registry pays rewards here.
    assert msg.sender == SUBNETS, "only the registry pays"


@external
@reentrant
def multicall(calls: DynArray[Bytes[MAX_CALL], MAX_CALLS]):
    # By index: none is copied once more.
    for i: uint256 in range(len(calls), bound=MAX_CALLS):
        # As if the caller had sent each; a bond can't be sent along.
        raw_call(self, calls[i], is_delegate_call=True)


################################################################
#                           CLAIMS                             #
################################################################


@external
def claim(
    terms: IJobMarketplace.JobTerms,
    header: IOpmlJudge.Header,
    output: Bytes[MAX_OUTPUT],
    input: Bytes[MAX_INPUT],
):
    self._check_header(terms, header)
    assert (
        staticcall IModelRegistry(MODELS).artifact(terms.model_id, terms.selector) == terms.artifact_id
    ), "not the model's artifact"
    assert conditions._n(terms.conditions) == 1, "batch size"
    assert len(output) == header.output_bytes, "output length"
    if terms.callback_target != empty(address):
        # Else a consumer could act on an answer to an input that no watcher ever saw.
        assert len(input) == header.input_bytes, "input length"
        assert staticcall IOpmlVerifier(self).commitment(input) == terms.input_commitment, "input"
    final_at: uint256 = block.timestamp + min(max(header.window, MIN_WINDOW), MAX_WINDOW)
    # Asked by a call, here and where a claim ends, so that others don't pay for its memory.
    committed: bytes32 = staticcall IOpmlVerifier(self).commitment(output)
    claim: uint256 = self._claim_word(committed, header.node_count, header.clock, final_at)
    bond: uint256 = self._bond_to_claim(terms)
    # Nothing of this contract can be called from within: the market names the job, which is cheaper than to ask.
    job_id: bytes32 = extcall IJobMarketplace(MARKET).deliver(terms, msg.sender, output, states.PENDING, bond)
    self._claims[job_id] = claim << 16
    log IOpmlVerifier.Claimed(
        job_id=job_id, operator=msg.sender, claim=claim, final_at=final_at, bond=bond, input=input
    )


@external
def finalise(terms: IJobMarketplace.JobTerms, output: Bytes[MAX_OUTPUT]):
    job_id: bytes32 = staticcall IJobMarketplace(MARKET).job_id_of(terms)
    word: uint256 = self._claims[job_id]
    assert word != 0, "no claim"
    assert block.timestamp > self._final_at(word >> 16), "window is open"
    assert word & (2**16 - 1) == 0, "games are open"
    if len(output) != 0:
        # The market hands it to the callback.
        assert self._cut(staticcall IOpmlVerifier(self).commitment(output)) == word >> 88, "not the output"
    else:
        assert terms.callback_target == empty(address) or conditions._eager(terms.conditions), "output"
    self._end(job_id, word)
    extcall IJobMarketplace(MARKET).deliver(terms, empty(address), output, states.FINAL, 0)


@external
def finalise_due(terms: IJobMarketplace.JobTerms):
    job_id: bytes32 = staticcall IJobMarketplace(MARKET).job_id_of(terms)
    word: uint256 = self._claims[job_id]
    if block.timestamp <= self._final_at(word >> 16) or word & (2**16 - 1) != 0:
        return
    # Neither that of a job without a claim, nor of one that the market gave up.
    if (staticcall IJobMarketplace(MARKET).job(job_id))[0] != states.PENDING:
        return
    assert terms.callback_target == empty(address) or conditions._eager(terms.conditions), "output"
    self._end(job_id, word)
    extcall IJobMarketplace(MARKET).deliver(terms, empty(address), b"", states.FINAL, 0)


@internal
def _end(job_id: bytes32, word: uint256):
    self._claims[job_id] = 0
    log IOpmlVerifier.Finalised(job_id=job_id, claim=word >> 16)


################################################################
#                      CLAIMANT'S MOVES                        #
################################################################


@external
def post_trace(job_id: bytes32, claim: uint256, children: DynArray[bytes32, 64]):
    claim_id: bytes32 = self._own(job_id, claim)
    # Nobody could commit to an audit of a trace that is public: it may not be made so unasked.
    assert self._claims[job_id] & (2**16 - 1) != 0, "not asked"
    assert self.trace_roots[claim_id] == empty(bytes32), "already posted"
    root: bytes32 = trees._fold_children(self._depth(claim), children)
    assert root != empty(bytes32), "root"
    self.trace_roots[claim_id] = root
    self._records[claim_id] = block.timestamp
    log IOpmlVerifier.Answered(key=claim_id, claim_id=claim_id, data=abi_encode(children))
    log IOpmlVerifier.Traced(job_id=job_id, claim=claim, root=root)


@external
def answer_children(job_id: bytes32, claim: uint256, levels: uint256, children: DynArray[bytes32, 64]):
    assert levels > 0 and levels < HELD, "levels"
    node: bytes32 = trees._fold_children(levels, children)
    self._answer(self._standing(job_id, claim), self._node_key(node, levels), abi_encode(children))


@external
def answer_tensor(
    job_id: bytes32,
    claim: uint256,
    byte_len: uint256,
    root: bytes32,
    children: DynArray[bytes32, 64],
    chunk: Bytes[256],
):
    assert byte_len <= MAX_TENSOR, "tensor too large"
    depth: uint256 = profile._depth_of(byte_len)
    if depth == 0:
        assert trees._hash_of(chunk) == root and len(children) == 0, "not the chunk"
    else:
        assert trees._fold_children(depth, children) == root and len(chunk) == 0, "not the children"
    self._answer(
        self._standing(job_id, claim),
        self._node_key(profile._tensor_commitment(byte_len, root), HELD),
        abi_encode(byte_len, root, children, chunk),
    )


@external
def answer_chunk(job_id: bytes32, claim: uint256, chunk: Bytes[256]):
    self._answer(self._standing(job_id, claim), self._node_key(trees._hash_of(chunk), 0), abi_encode(chunk))


@external
def answer_partials(job_id: bytes32, claim: uint256, challenger: address, partials: DynArray[int256, 128]):
    self._state(job_id, claim, challenger, ELEMENT, abi_encode(partials))


@external
def state(job_id: bytes32, claim: uint256, challenger: address, seal: bytes32, partials: DynArray[int256, 128]):
    self._state(job_id, claim, challenger, NAMED, abi_encode(seal, partials))


@internal
def _state(job_id: bytes32, claim: uint256, challenger: address, stage: uint256, data: Bytes[MAX_ANSWER]):
    """
    @notice What a claimant says of the element that a game at this stage asks about.
    """
    claim_id: bytes32 = self._own(job_id, claim)
    game: IOpmlVerifier.Game = self._load(claim_id, challenger)
    assert game.at.stage == stage, "not asked"
    key: bytes32 = self._answer_key(claim_id, game)
    self._answer(claim_id, key, data)
    self._answers[claim_id][key] |= (convert(keccak256(data), uint256) >> 40) << 40


################################################################
#                     CHALLENGER'S MOVES                       #
################################################################


@external
@payable
def open(job_id: bytes32, claim: uint256):
    self._open(job_id, claim, TRACE, 0, 0)


@external
@payable
def open_at(job_id: bytes32, claim: uint256, node_index: uint256, place: uint256):
    assert node_index < MAX_NODES and place < MAX_TENSOR, "element"
    at: IOpmlJudge.Position = self._open(job_id, claim, NAMED, node_index, place)
    log IOpmlVerifier.Picked(job_id=job_id, challenger=msg.sender, claim=claim, at=at)


@internal
@payable
def _open(job_id: bytes32, claim: uint256, stage: uint256, node_index: uint256, place: uint256) -> IOpmlJudge.Position:
    claim_id: bytes32 = self._standing(job_id, claim)
    assert block.timestamp <= self._final_at(claim), "window is over"
    assert self._games[claim_id][msg.sender] == 0, "already open"
    # An audit risks nothing of its own: it opens a game only to see the trace's root.
    assert msg.value >= self._bond_to_open() or msg.sender == AUDITS, "bond too low"
    assert msg.value % ONE_GWEI == 0 and msg.value < 2**40 * ONE_GWEI, "bond"
    self._claims[job_id] += 1
    assert self._claims[job_id] & (2**16 - 1) != 0, "too many games"
    clock: uint256 = (claim >> 36) & (2**15 - 1)
    at: IOpmlJudge.Position = IOpmlJudge.Position(
        stage=stage,
        levels=self._depth(claim),
        node_index=node_index,
        place=place,
        byte_len=0,
        node=empty(bytes32),
    )
    # The node is zero, as it was before.
    self._games[claim_id][msg.sender] = self._word(
        IOpmlVerifier.Game(since=block.timestamp, claimant_left=clock, challenger_left=clock, bond=msg.value, at=at)
    )
    log IOpmlVerifier.Opened(job_id=job_id, challenger=msg.sender, claim=claim, bond=msg.value)
    return at


@external
def pick(job_id: bytes32, claim: uint256, path: IOpmlJudge.Path):
    claim_id: bytes32 = self._standing(job_id, claim)
    game: IOpmlVerifier.Game = self._charge(claim_id, self._load(claim_id, msg.sender))
    if game.at.stage == NAMED:
        # The trace is another than it supposed: to where games begin that suppose nothing.
        game.at.stage = TRACE
        game.at.node_index = 0
        game.at.place = 0
    else:
        game.at = staticcall IOpmlJudge(JUDGE).descend(self._position(claim_id, game), path)
        # There is one way down a tree: the claimant answers little, and the same for all games. What an
        # answer gives already can't be asked for again.
        if game.at.stage != ELEMENT:
            depth: uint256 = self._depth(claim) if game.at.stage == TRACE else profile._depth_of(game.at.byte_len)
            assert depth != 0 or game.at.stage == TRACE, "not a question"
            assert trees._is_question(depth, game.at.levels), "not a question"
            # A leaf that is missing has nothing to open; any other zero is lost by `prove`.
            assert game.at.node != empty(bytes32), "missing leaf"
    self._nodes[claim_id][msg.sender] = game.at.node
    self._games[claim_id][msg.sender] = self._word(game)
    log IOpmlVerifier.Picked(job_id=job_id, challenger=msg.sender, claim=claim, at=game.at)


@external
def prove(
    terms: IJobMarketplace.JobTerms,
    claim: uint256,
    header: IOpmlJudge.Header,
    path: IOpmlJudge.Path,
    evidence: IOpmlJudge.Evidence,
):
    job_id: bytes32 = staticcall IJobMarketplace(MARKET).job_id_of(terms)
    self._check_header(terms, header)
    claim_id: bytes32 = self._claim_id(job_id, claim)
    game: IOpmlVerifier.Game = self._load(claim_id, msg.sender)
    assert staticcall IOpmlJudge(JUDGE).contradicts(
        IOpmlJudge.Case(
            input=terms.input_commitment,
            trace_root=empty(bytes32) if game.at.stage == NAMED else self.trace_roots[claim_id],
            output=claim >> 72,
            stated=(self._answers[claim_id][self._answer_key(claim_id, game)] >> 40) << 40,
            at=self._position(claim_id, game),
        ),
        path,
        header,
        evidence,
    ), "no contradiction"
    self._win(terms, job_id, claim, msg.sender, game, PROVED)


@internal
@view
def _position(claim_id: bytes32, game: IOpmlVerifier.Game) -> IOpmlJudge.Position:
    """
    @return Where the game stands; at its begin that is the root of the trace.
    """
    at: IOpmlJudge.Position = game.at
    if at.stage == TRACE and at.node == empty(bytes32):
        at.node = self.trace_roots[claim_id]
        assert at.node != empty(bytes32), "no trace yet"
    return at


################################################################
#                          OUTCOMES                            #
################################################################


@external
def claimant_timeout(terms: IJobMarketplace.JobTerms, claim: uint256, challenger: address):
    job_id: bytes32 = staticcall IJobMarketplace(MARKET).job_id_of(terms)
    claim_id: bytes32 = self._claim_id(job_id, claim)
    game: IOpmlVerifier.Game = self._load(claim_id, challenger)
    assert self._answered_at(claim_id, game) == 0, "challenger is on turn"
    assert block.timestamp > game.since + game.claimant_left, "claimant has time"
    self._win(terms, job_id, claim, challenger, game, CLAIMANT_LATE)


@external
def challenger_timeout(job_id: bytes32, claim: uint256, challenger: address):
    claim_id: bytes32 = self._standing(job_id, claim)
    game: IOpmlVerifier.Game = self._load(claim_id, challenger)
    if msg.sender != challenger:
        # A challenger may give up whenever it likes.
        answered: uint256 = self._answered_at(claim_id, game)
        assert answered != 0, "claimant is on turn"
        assert block.timestamp > max(answered, game.since) + game.challenger_left, "challenger has time"
    claimant: address = self._claimant(job_id)
    self._claims[job_id] -= 1
    # Half for the claimant's answers, half burns: playing against oneself costs.
    self.credit[claimant] += game.bond // 2
    self.to_burn += game.bond - game.bond // 2
    self._delete(job_id, claim, challenger, CHALLENGER_LATE, 0)


@external
def close(job_id: bytes32, claim: uint256, challenger: address):
    claim_id: bytes32 = self._claim_id(job_id, claim)
    game: IOpmlVerifier.Game = self._load(claim_id, challenger)
    fell_at: uint256 = self._fell_at(claim_id)
    if fell_at == 0:
        # The market gave the job up: see docs/protocol.md, dead plug-ins.
        assert (staticcall IJobMarketplace(MARKET).job(job_id))[0] != states.PENDING, "claim is pending"
    else:
        # Until then nobody else may take from it the chance to prove and share.
        assert msg.sender == challenger or block.timestamp > fell_at + JOIN_SECONDS, "may still prove"
    self.credit[challenger] += game.bond
    self._delete(job_id, claim, challenger, VOID, game.bond)


@external
def collect(job_id: bytes32, claim: uint256, challenger: address):
    claim_id: bytes32 = self._claim_id(job_id, claim)
    game: IOpmlVerifier.Game = self._unpack(claim_id, challenger)
    assert game.at.stage == WON, "not a winner"
    assert block.timestamp > self._fell_at(claim_id) + JOIN_SECONDS, "others may join"
    record: uint256 = self._records[claim_id]
    share: uint256 = (record >> 96) // ((record >> 80) & (2**16 - 1))
    self._games[claim_id][challenger] = 0
    self.credit[challenger] += game.bond + share
    log IOpmlVerifier.Rewarded(challenger=challenger, claim_id=claim_id, amount=share)


@external
def withdraw(to: address):
    amount: uint256 = self.credit[msg.sender]
    assert amount != 0, "no credit"
    self.credit[msg.sender] = 0
    log IOpmlVerifier.Withdrawn(account=msg.sender, amount=amount, to=to)
    self._pay(to, amount)


@external
def burn():
    amount: uint256 = self.to_burn
    self.to_burn = 0
    log IOpmlVerifier.Burned(amount=amount)
    self._pay(BURN_ADDRESS, amount)


@internal
def _pay(to: address, amount: uint256):
    if self.balance < amount:
        # Rewards wait in the registry until they are needed.
        extcall ISubnetRegistry(SUBNETS).withdraw_credit(self)
    raw_call(to, b"", value=amount)


@internal
def _win(
    terms: IJobMarketplace.JobTerms,
    job_id: bytes32,
    claim: uint256,
    challenger: address,
    game: IOpmlVerifier.Game,
    reason: uint256,
):
    """
    @notice A game won: the claim falls unless it has already. Bond and reward wait for `collect`.
    """
    claim_id: bytes32 = self._claim_id(job_id, claim)
    self._games[claim_id][challenger] = (WON << 80) | ((game.bond // ONE_GWEI) << 191)
    self._nodes[claim_id][challenger] = empty(bytes32)
    log IOpmlVerifier.GameClosed(job_id=job_id, challenger=challenger, claim=claim, reason=reason, returned=game.bond)
    record: uint256 = self._records[claim_id]
    fell_at: uint256 = self._fell_at(claim_id)
    if fell_at != 0:
        assert block.timestamp <= fell_at + JOIN_SECONDS, "too late to join"
        self._records[claim_id] = record + (1 << 80)
        return
    assert self._claims[job_id] >> 16 == claim, "no such claim"
    # No claim falls in the block in which it was made, so no two of a job have the same name.
    assert (claim >> 56) & 65_535 != block.number & 65_535, "made in this block"
    reward: uint256 = (staticcall IJobMarketplace(MARKET).job(job_id))[5] // 2
    self._records[claim_id] = (reward << 96) | (1 << 80) | (block.timestamp << 40) | record
    self._claims[job_id] = 0
    log IOpmlVerifier.Refuted(job_id=job_id, challenger=challenger, claim=claim, pot=reward)
    extcall IJobMarketplace(MARKET).refuted(terms, self)


################################################################
#                         POSITIONS                            #
################################################################


@internal
@view
def _charge(claim_id: bytes32, game: IOpmlVerifier.Game) -> IOpmlVerifier.Game:
    """
    @notice The challenger moves: charge both clocks for the time since its last move.
    """
    charged: IOpmlVerifier.Game = game
    answered: uint256 = self._answered_at(claim_id, game)
    turned: uint256 = block.timestamp if answered == 0 else max(answered, game.since)
    # A late move counts, and leaves nothing for the next.
    charged.claimant_left -= min(charged.claimant_left, turned - game.since)
    charged.challenger_left -= min(charged.challenger_left, block.timestamp - turned)
    charged.since = block.timestamp
    return charged


@internal
@view
def _answered_at(claim_id: bytes32, game: IOpmlVerifier.Game) -> uint256:
    return self._when_answered(claim_id, self._answer_key(claim_id, game))


@internal
@view
def _when_answered(claim_id: bytes32, key: bytes32) -> uint256:
    """
    @return Zero while it is not. The trace is the answer to the question under the claim's own id.
    """
    return (self._records[claim_id] if key == claim_id else self._answers[claim_id][key]) & (2**40 - 1)


@internal
@view
def _fell_at(claim_id: bytes32) -> uint256:
    return (self._records[claim_id] >> 40) & (2**40 - 1)


@internal
@pure
def _answer_key(claim_id: bytes32, game: IOpmlVerifier.Game) -> bytes32:
    """
    @return The key under which the game's question is answered.
    """
    if game.at.stage == ELEMENT or game.at.stage == NAMED:
        return keccak256(abi_encode(claim_id, game.at.stage, game.at.node_index, game.at.place))
    if game.at.node == empty(bytes32):
        return claim_id
    if game.at.stage == TRACE and game.at.levels == 0:
        return self._node_key(game.at.node, HELD)
    return self._node_key(game.at.node, game.at.levels)


@internal
@pure
def _node_key(node: bytes32, levels: uint256) -> bytes32:
    """
    @return The key of what lies below a node. Each kind of question has keys of its own: a claimant chooses
            its hashes, and could else have one question answered by what answers another.
    """
    return keccak256(abi_encode(node, levels))


@internal
def _answer(claim_id: bytes32, key: bytes32, data: Bytes[MAX_ANSWER]):
    assert self._answers[claim_id][key] == 0, "already answered"
    self._answers[claim_id][key] = block.timestamp
    log IOpmlVerifier.Answered(key=key, claim_id=claim_id, data=data)


@internal
def _delete(job_id: bytes32, claim: uint256, challenger: address, reason: uint256, returned: uint256):
    claim_id: bytes32 = self._claim_id(job_id, claim)
    self._games[claim_id][challenger] = 0
    self._nodes[claim_id][challenger] = empty(bytes32)
    log IOpmlVerifier.GameClosed(job_id=job_id, challenger=challenger, claim=claim, reason=reason, returned=returned)


################################################################
#                          PACKING                             #
################################################################


@internal
@view
def _load(claim_id: bytes32, challenger: address) -> IOpmlVerifier.Game:
    """
    @notice A game that is being played.
    """
    game: IOpmlVerifier.Game = self._unpack(claim_id, challenger)
    assert game.at.stage != 0 and game.at.stage != WON, "no such game"
    return game


@internal
@pure
def _word(game: IOpmlVerifier.Game) -> uint256:
    """
    @return All of a game but its node.
    """
    return (
        game.since
        | (game.claimant_left << 40)
        | (game.challenger_left << 60)
        | (game.at.stage << 80)
        | (game.at.levels << 84)
        | (game.at.node_index << 90)
        | (game.at.place << 110)
        | (game.at.byte_len << 150)
        | ((game.bond // ONE_GWEI) << 191)
    )


@internal
@view
def _unpack(claim_id: bytes32, challenger: address) -> IOpmlVerifier.Game:
    word: uint256 = self._games[claim_id][challenger]
    stage: uint256 = (word >> 80) & 15
    return IOpmlVerifier.Game(
        since=word & (2**40 - 1),
        claimant_left=(word >> 40) & (2**20 - 1),
        challenger_left=(word >> 60) & (2**20 - 1),
        bond=(word >> 191) * ONE_GWEI,
        at=IOpmlJudge.Position(
            stage=stage,
            levels=(word >> 84) & 63,
            node_index=(word >> 90) & (2**20 - 1),
            place=(word >> 110) & (2**40 - 1),
            byte_len=(word >> 150) & (2**41 - 1),
            # Of a named element nothing is known.
            node=empty(bytes32) if stage == NAMED else self._nodes[claim_id][challenger],
        ),
    )


@internal
@view
def _claim_word(output: bytes32, node_count: uint256, clock: uint256, final_at: uint256) -> uint256:
    return (
        (self._cut(output) << 72)
        | ((block.number & 65_535) << 56)
        | (profile._depth_of_count(node_count) << 51)
        | (min(max(clock, MIN_CLOCK), MAX_CLOCK) << 36)
        | final_at
    )


@internal
@pure
def _cut(commitment: bytes32) -> uint256:
    return convert(commitment, uint256) >> 88


@internal
@pure
def _final_at(claim: uint256) -> uint256:
    return claim & (2**36 - 1)


@internal
@pure
def _depth(claim: uint256) -> uint256:
    """
    @return Levels of the trace and of the program.
    """
    return (claim >> 51) & 31


@internal
@pure
def _claim_id(job_id: bytes32, claim: uint256) -> bytes32:
    return keccak256(abi_encode(job_id, claim))


@internal
@view
def _claimant(job_id: bytes32) -> address:
    return (staticcall IJobMarketplace(MARKET).job(job_id))[1]


@internal
@view
def _standing(job_id: bytes32, claim: uint256) -> bytes32:
    """
    @return The id of a claim that neither fell nor was paid.
    """
    assert claim != 0 and self._claims[job_id] >> 16 == claim, "no such claim"
    return self._claim_id(job_id, claim)


@internal
@view
def _own(job_id: bytes32, claim: uint256) -> bytes32:
    """
    @return The id of a claim of the sender's: what it says is held against it, so it must be its own word.
    """
    claim_id: bytes32 = self._standing(job_id, claim)
    assert msg.sender == self._claimant(job_id), "not the claimant"
    return claim_id


@internal
@pure
def _check_header(terms: IJobMarketplace.JobTerms, header: IOpmlJudge.Header):
    assert keccak256(abi_encode(header)) == terms.artifact_id, "not the artifact"
    assert header.version == 1, "version"
    assert header.node_count >= 1 and header.node_count <= MAX_NODES, "node count"
    # Else no output could be told from the trace's.
    assert header.output_node < header.node_count, "output node"


@internal
@view
def _bond_to_open() -> uint256:
    bond: uint256 = max(MIN_BOND, BOND_GAS * block.basefee)
    return (bond + ONE_GWEI - 1) // ONE_GWEI * ONE_GWEI


@internal
@view
def _bond_to_claim(terms: IJobMarketplace.JobTerms) -> uint256:
    # The market counts bonds in these units.
    bond: uint256 = (2 * self._bond_to_open() + BOND_UNIT - 1) // BOND_UNIT
    return max(bond, terms.conditions >> 224) * BOND_UNIT


################################################################
#                            VIEWS                             #
################################################################


@view
@external
def claim_of(job_id: bytes32) -> (uint256, uint256, uint256):
    word: uint256 = self._claims[job_id]
    return word >> 16, self._final_at(word >> 16), word & (2**16 - 1)


@view
@external
def game(job_id: bytes32, claim: uint256, challenger: address) -> IOpmlVerifier.Game:
    return self._unpack(self._claim_id(job_id, claim), challenger)


@view
@external
def answered_at(claim_id: bytes32, key: bytes32) -> uint256:
    return self._when_answered(claim_id, key)


@view
@external
def fallen(claim_id: bytes32) -> (uint256, uint256, uint256):
    record: uint256 = self._records[claim_id]
    return record >> 96, (record >> 80) & (2**16 - 1), self._fell_at(claim_id)


@view
@external
def answer_key(job_id: bytes32, claim: uint256, challenger: address) -> bytes32:
    claim_id: bytes32 = self._claim_id(job_id, claim)
    return self._answer_key(claim_id, self._load(claim_id, challenger))


@view
@external
def bond_to_open() -> uint256:
    return self._bond_to_open()


@view
@external
def bond_to_claim(terms: IJobMarketplace.JobTerms) -> uint256:
    return self._bond_to_claim(terms)
