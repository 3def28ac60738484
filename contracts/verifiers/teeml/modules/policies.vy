# SPDX-License-Identifier: AGPL-3.0-only
# pragma version ~=0.4.3
# pragma nonreentrancy on
"""
@title Policies of method `teeml`
@license AGPL-3.0-only
@author Model Network
@notice Immutable, named by the hash of their content; what a guardian can do is take away, at once and for good.

        A policy is one word, from high to low:
            known (1) | any platform removed (1) | removed measurements (16) | lowest evaluation (16) | hold (32)
"""

from interfaces import IDcapVerifier
from interfaces import ITeemlVerifier

MAX_QUOTA: constant(uint256) = 8
MAX_TTL: constant(uint256) = 7 * 86_400
# Where the fields of a word begin.
KNOWN: constant(uint256) = 2**65
ANY_PLATFORM: constant(uint256) = 2**64
REMOVED: constant(uint256) = 48
LOWEST: constant(uint256) = 32
# In `_fell`, beside places of measurements: evaluations from zero.
EVALUATIONS: constant(uint256) = 16
# Each step of a rise is written down.
MAX_RISE: constant(uint256) = 64

# The longest hold of a policy, which is the method's `max_delay` in the market, seconds.
MAX_HOLD: public(immutable(uint256))

_policies: HashMap[bytes32, uint256]
_guardians: HashMap[bytes32, address]
# policy -> platform -> when it was removed
_removed_platforms: HashMap[bytes32, HashMap[uint256, uint256]]
# policy -> place of a measurement, or EVALUATIONS + number -> when it was taken
_fell: HashMap[bytes32, HashMap[uint256, uint256]]


@deploy
def __init__(max_hold: uint256):
    assert max_hold < 2**32, "seconds"
    MAX_HOLD = max_hold


@external
def create_policy(policy: ITeemlVerifier.Policy) -> bytes32:
    """
    @notice See ITeemlVerifier.
    """
    assert policy.statuses != 0 and policy.statuses < 2**7, "statuses"
    assert policy.max_age != 0 and policy.max_age < 2**32, "age"
    assert policy.min_evaluation < 2**16, "evaluation"
    assert policy.key_ttl != 0 and policy.key_ttl <= MAX_TTL, "key life"
    assert policy.quota != 0 and policy.quota <= MAX_QUOTA, "quota"
    assert policy.hold <= MAX_HOLD, "hold"
    assert policy.bond < 2**96, "bond"
    assert len(policy.measurements) != 0, "no measurements"
    policy_id: bytes32 = keccak256(abi_encode(policy))
    if self._policies[policy_id] == 0:
        self._policies[policy_id] = KNOWN | (policy.min_evaluation << LOWEST) | policy.hold
        self._guardians[policy_id] = policy.guardian
        log ITeemlVerifier.PolicyCreated(policy_id=policy_id, policy=policy)
    return policy_id


@external
def remove_measurement(policy_id: bytes32, measurement: uint256):
    """
    @notice See ITeemlVerifier.
    """
    self._check_guardian(policy_id)
    assert measurement < 16 and self._fell[policy_id][measurement] == 0, "already removed"
    self._fell[policy_id][measurement] = block.timestamp
    self._policies[policy_id] |= 1 << (REMOVED + measurement)
    log ITeemlVerifier.MeasurementRemoved(policy_id=policy_id, measurement=measurement)


@external
def remove_platform(policy_id: bytes32, platform: bytes12):
    """
    @notice See ITeemlVerifier.
    """
    self._check_guardian(policy_id)
    place: uint256 = convert(platform, uint256)
    assert self._removed_platforms[policy_id][place] == 0, "already removed"
    self._removed_platforms[policy_id][place] = block.timestamp
    self._policies[policy_id] |= ANY_PLATFORM
    log ITeemlVerifier.PlatformRemoved(policy_id=policy_id, platform=platform)


@external
def raise_evaluation(policy_id: bytes32, minimum: uint256):
    """
    @notice See ITeemlVerifier.
    """
    self._check_guardian(policy_id)
    word: uint256 = self._policies[policy_id]
    lowest: uint256 = (word >> LOWEST) & 65_535
    assert minimum > lowest and minimum < 2**16 and minimum - lowest <= MAX_RISE, "evaluation"
    for evaluation: uint256 in range(lowest, minimum, bound=MAX_RISE):
        self._fell[policy_id][EVALUATIONS + evaluation] = block.timestamp
    self._policies[policy_id] = (word & ~convert(65_535 << LOWEST, uint256)) | (minimum << LOWEST)
    log ITeemlVerifier.EvaluationRaised(policy_id=policy_id, minimum=minimum)


@view
@external
def policy_state(policy_id: bytes32) -> (uint256, uint256, uint256, address):
    """
    @notice See ITeemlVerifier.
    """
    word: uint256 = self._policies[policy_id]
    assert word != 0, "unknown policy"
    return word & (2**32 - 1), (word >> LOWEST) & 65_535, (word >> REMOVED) & 65_535, self._guardians[policy_id]


@pure
@external
def policy_id_of(policy: ITeemlVerifier.Policy) -> bytes32:
    """
    @notice See ITeemlVerifier.
    """
    return keccak256(abi_encode(policy))


@internal
@view
def _check_guardian(policy_id: bytes32):
    assert self._policies[policy_id] != 0, "unknown policy"
    # A policy without one has the zero address, which calls nothing.
    assert msg.sender == self._guardians[policy_id], "not the guardian"


@internal
@view
def _check(
    policy_id: bytes32, policy: ITeemlVerifier.Policy, place: uint256, claims: IDcapVerifier.Claims, gpu_claims: bytes32
):
    """
    @notice Refuses what a quote proves where the policy doesn't take it.
    """
    word: uint256 = self._policies[policy_id]
    assert word != 0, "unknown policy"
    assert (policy.statuses >> claims.status) & 1 == 1, "status"
    assert block.timestamp <= claims.issued + policy.max_age, "collateral too old"
    assert claims.evaluation >= (word >> LOWEST) & 65_535 and claims.evaluation < 2**16, "evaluation"
    assert place < len(policy.measurements), "measurement"
    m: ITeemlVerifier.Measurement = policy.measurements[place]
    measured: bytes32 = claims.runtime_measurement if m.runtime else claims.measurement
    assert claims.tdx == m.tdx and measured == m.value, "measurement"
    assert claims.svn >= m.svn, "svn"
    assert (word >> (REMOVED + place)) & 1 == 0, "measurement removed"
    if word & ANY_PLATFORM != 0:
        assert self._removed_platforms[policy_id][self._platform(claims.platform)] == 0, "platform removed"
    assert gpu_claims != empty(bytes32) or not policy.require_gpu, "no gpu evidence"


@internal
@pure
def _platform(platform: bytes32) -> uint256:
    return convert(platform, uint256) >> 160
