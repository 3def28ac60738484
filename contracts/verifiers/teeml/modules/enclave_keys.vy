# SPDX-License-Identifier: AGPL-3.0-only
# pragma version ~=0.4.3
# pragma nonreentrancy on
"""
@title Keys of enclaves
@license AGPL-3.0-only
@author Model Network
@notice Who has a key under which policy, on which platform's place, how long, and why it doesn't count any more.

        A key is two words under its policy, from high to low:
            operator (160) | expires (40) | evaluation (16) | authority (8) | measurement (4) | reason (4)
                | revocations (24), how many there were when it was registered, its lower bits
            serial of the platform's certificate (160) | platform (96)
"""

from . import policies

from interfaces import IDcapVerifier
from interfaces import IIntelCollateral
from interfaces import ISubnetRegistry
from interfaces import ITeemlVerifier

uses: policies

# Why a key doesn't count any more; 1 and 2 are IntelCollateral.revoked_by's.
MEASUREMENT_REMOVED: constant(uint256) = 3
PLATFORM_REMOVED: constant(uint256) = 4
EVALUATION_OLD: constant(uint256) = 5
CONFLICT: constant(uint256) = 6
REPLACED: constant(uint256) = 7

# Where the fields of a word begin.
OPERATOR: constant(uint256) = 96
EXPIRES: constant(uint256) = 56
EVALUATION: constant(uint256) = 40
AUTHORITY: constant(uint256) = 32
MEASUREMENT: constant(uint256) = 28
REASON: constant(uint256) = 24

SUBNETS: public(immutable(address))
COLLATERAL: public(immutable(address))
# How long after a key's life its bond can still be lost, seconds.
PROOF_SECONDS: public(immutable(uint256))

# policy -> key -> its words
_keys: HashMap[bytes32, HashMap[address, uint256]]
_platforms: HashMap[bytes32, HashMap[address, uint256]]
# policy -> platform -> keys that hold its places
_places: HashMap[bytes32, HashMap[uint256, address[policies.MAX_QUOTA]]]
# policy -> key -> when a larger stake took its place
_evicted: HashMap[bytes32, HashMap[address, uint256]]
# Numbers of authorities, from 1, so that keys can name them in a byte.
_numbers: HashMap[bytes20, uint256]
_authorities: bytes20[256]
_authority_count: uint256


@deploy
def __init__(subnets: address, collateral: address, proof_seconds: uint256):
    assert proof_seconds < 2**32, "seconds"
    SUBNETS = subnets
    COLLATERAL = collateral
    PROOF_SECONDS = proof_seconds


@external
def invalidate(policy_id: bytes32, key: address):
    """
    @notice See ITeemlVerifier.
    """
    word: uint256 = self._word(policy_id, key)
    stored: uint256 = (word >> REASON) & 15
    # A replaced one may still sign.
    assert stored == 0 or stored == REPLACED, "already invalid"
    reason: uint256 = self._reason(policy_id, key, word)
    assert reason != stored, "no reason"
    self._write_off(policy_id, key, word, reason)


@external
def release(policy_id: bytes32, key: address):
    """
    @notice See ITeemlVerifier.
    """
    assert block.timestamp > self._expires(self._word(policy_id, key)) + PROOF_SECONDS, "bond is still locked"
    extcall ISubnetRegistry(SUBNETS).unlock(self._bond_id(policy_id, key))


@view
@external
def key_of(policy_id: bytes32, key: address) -> ITeemlVerifier.Key:
    """
    @notice See ITeemlVerifier.
    """
    word: uint256 = self._word(policy_id, key)
    second: uint256 = self._platforms[policy_id][key]
    return ITeemlVerifier.Key(
        operator=self._operator(word),
        expires=self._expires(word),
        evaluation=(word >> EVALUATION) & 65_535,
        measurement=(word >> MEASUREMENT) & 15,
        reason=self._reason(policy_id, key, word),
        platform=convert(slice(convert(second << 160, bytes32), 0, 12), bytes12),
        serial=second >> 96,
        authority=self._authorities[(word >> AUTHORITY) & 255],
    )


@view
@external
def is_live(policy_id: bytes32, key: address) -> bool:
    """
    @notice See ITeemlVerifier.
    """
    word: uint256 = self._keys[policy_id][key]
    return (word != 0 and block.timestamp <= self._expires(word) and self._reason(policy_id, key, word) == 0)


@view
@external
def keys_on(policy_id: bytes32, platform: bytes12) -> address[8]:
    """
    @notice See ITeemlVerifier.
    """
    return self._places[policy_id][convert(platform, uint256)]


@pure
@external
def bond_id(policy_id: bytes32, key: address) -> bytes32:
    """
    @notice See ITeemlVerifier.
    """
    return self._bond_id(policy_id, key)


@internal
def _take_place(policy_id: bytes32, platform: uint256, quota: uint256, key: address):
    """
    @notice A platform can be leased by the hour: without places, one machine could be many workers. A neighbour with
            little stake must not keep others out of theirs.
    """
    place: uint256 = quota
    # Of the sender's own keys the one that expires first; else the others' smallest stake.
    least: uint256 = max_value(uint256)
    is_own: bool = False
    for i: uint256 in range(quota, bound=policies.MAX_QUOTA):
        held: address = self._places[policy_id][platform][i]
        word: uint256 = self._keys[policy_id][held]
        expires: uint256 = self._expires(word)
        if (word >> REASON) & 15 != 0 or expires < block.timestamp:
            # Empty, expired or written off.
            self._places[policy_id][platform][i] = key
            return
        if self._operator(word) == msg.sender:
            if not is_own or expires < least:
                place = i
                least = expires
            is_own = True
        elif not is_own:
            stake: uint256 = staticcall ISubnetRegistry(SUBNETS).stake_of(self._operator(word))
            if stake < least:
                place = i
                least = stake
    old: address = self._places[policy_id][platform][place]
    replaced: uint256 = self._keys[policy_id][old]
    if is_own:
        # Its life ends here: what is taken of it later excuses nothing.
        replaced = (replaced & ~((2**40 - 1) << EXPIRES)) | (block.timestamp << EXPIRES)
    else:
        assert staticcall ISubnetRegistry(SUBNETS).stake_of(msg.sender) > least, "platform is full"
        self._evicted[policy_id][old] = block.timestamp
    self._write_off(policy_id, old, replaced, REPLACED)
    self._places[policy_id][platform][place] = key


@internal
def _store(
    policy_id: bytes32,
    key: address,
    operator: address,
    expires: uint256,
    evidence: ITeemlVerifier.Evidence,
    claims: IDcapVerifier.Claims,
):
    self._keys[policy_id][key] = (
        (convert(operator, uint256) << OPERATOR)
        | (expires << EXPIRES)
        | (claims.evaluation << EVALUATION)
        | (self._number_of(evidence.authority) << AUTHORITY)
        | (evidence.measurement << MEASUREMENT)
        | (staticcall IIntelCollateral(COLLATERAL).revocations() & (2**24 - 1))
    )
    self._platforms[policy_id][key] = (claims.serial << 96) | policies._platform(claims.platform)


@internal
def _number_of(authority: bytes20) -> uint256:
    number: uint256 = self._numbers[authority]
    if number == 0:
        number = self._authority_count + 1
        assert number < 256, "too many authorities"
        self._authority_count = number
        self._numbers[authority] = number
        self._authorities[number] = authority
    return number


@internal
def _write_off(policy_id: bytes32, key: address, word: uint256, reason: uint256):
    self._keys[policy_id][key] = (word & ~convert(15 << REASON, uint256)) | (reason << REASON)
    log ITeemlVerifier.KeyInvalidated(key=key, operator=self._operator(word), policy_id=policy_id, reason=reason)


@internal
@view
def _taken_for(policy_id: bytes32, key: address, word: uint256, state: uint256) -> uint256:
    """
    @return Why a key doesn't count any more, its age and Intel's lists aside; zero = it does.
    """
    stored: uint256 = (word >> REASON) & 15
    if stored != 0 and stored != REPLACED:
        return stored
    if (state >> (policies.REMOVED + ((word >> MEASUREMENT) & 15))) & 1 != 0:
        return MEASUREMENT_REMOVED
    if (word >> EVALUATION) & 65_535 < (state >> policies.LOWEST) & 65_535:
        return EVALUATION_OLD
    if state & policies.ANY_PLATFORM != 0:
        if policies._removed_platforms[policy_id][self._platforms[policy_id][key] & (2**96 - 1)] != 0:
            return PLATFORM_REMOVED
    return stored


@internal
@view
def _reason(policy_id: bytes32, key: address, word: uint256) -> uint256:
    """
    @return The same with Intel's lists, which are read only when something was revoked since.
    """
    reason: uint256 = self._taken_for(policy_id, key, word, policies._policies[policy_id])
    if reason != 0 and reason != REPLACED:
        return reason
    if (staticcall IIntelCollateral(COLLATERAL).revocations() ^ word) & (2**24 - 1) != 0:
        by: uint256 = staticcall IIntelCollateral(COLLATERAL).revoked_by(
            self._authorities[(word >> AUTHORITY) & 255], self._platforms[policy_id][key] >> 96
        )
        if by != 0:
            return by
    return reason


@internal
@view
def _revoked_for(policy_id: bytes32, key: address) -> uint256:
    """
    @return Why what a key has signed counts no more, zero = it does. Being replaced takes nothing back.
    """
    reason: uint256 = self._reason(policy_id, key, self._keys[policy_id][key])
    return 0 if reason == REPLACED else reason


@internal
@view
def _fell_at(policy_id: bytes32, key: address, word: uint256) -> uint256:
    """
    @return When the guardian first took what the key rests on: what it takes later, when the key has expired, must
            not hide it. The largest number = never.
    """
    first: uint256 = max_value(uint256)
    times: uint256[3] = [
        policies._fell[policy_id][(word >> MEASUREMENT) & 15],
        policies._fell[policy_id][policies.EVALUATIONS + ((word >> EVALUATION) & 65_535)],
        policies._removed_platforms[policy_id][self._platforms[policy_id][key] & (2**96 - 1)],
    ]
    for fell_at: uint256 in times:
        if fell_at != 0:
            first = min(first, fell_at)
    return first


@internal
@pure
def _bond_id(policy_id: bytes32, key: address) -> bytes32:
    return keccak256(abi_encode(policy_id, key))


@internal
@view
def _word(policy_id: bytes32, key: address) -> uint256:
    word: uint256 = self._keys[policy_id][key]
    assert word != 0, "unknown key"
    return word


@internal
@pure
def _operator(word: uint256) -> address:
    return convert(word >> OPERATOR, address)


@internal
@pure
def _expires(word: uint256) -> uint256:
    return (word >> EXPIRES) & (2**40 - 1)
