# SPDX-License-Identifier: AGPL-3.0-only
# pragma version ~=0.4.3
# pragma nonreentrancy on
"""
@title Method `teeml`: answers out of attested enclaves
@license AGPL-3.0-only
@author Model Network
@notice A quote registers a key of an enclave under a policy; from then on the key's signatures are what answers are
        paid for. A policy is immutable and named by the hash of its content, which is the model's artifact. What its
        guardian can do is take away; nothing and nobody skips a check. Rules: docs/teeml-contracts.md. Has no owner.

        A revocation is nobody's proven lie: it costs no stake. Two results that one key signed for one job are.

        A key is two words under its policy, from high to low:
            operator (160) | expires (40) | evaluation (16) | authority (8) | measurement (4) | reason (4)
                | revocations (24), how many there were when it was registered, its lower bits
            serial of the platform's certificate (160) | platform (96)
        A policy is one: known (1) | any platform removed (1) | removed measurements (16) | lowest evaluation (16)
            | hold (32).
"""

from snekmate.utils import ecdsa
from snekmate.utils import eip712_domain_separator as eip712

from ...modules import job_conditions as conditions

from interfaces import IDcapVerifier
from interfaces import IIntelCollateral
from interfaces import IJobMarketplace
from interfaces import IModelRegistry
from interfaces import ISubnetRegistry
from interfaces import ITeemlVerifier

implements: ITeemlVerifier

initializes: eip712

exports: eip712.eip712Domain

MAX_OUTPUT: constant(uint256) = 16_384
MAX_QUOTA: constant(uint256) = 8
MAX_TTL: constant(uint256) = 7 * 86_400
# What was taken so short before the post of a job, its operator may not have known when it accepted.
NOTICE_SECONDS: constant(uint256) = 3_600

KEY_TAG: constant(bytes32) = keccak256("Model Network TEEML key 1")
RESULT_TAG: constant(bytes32) = keccak256("Model Network TEEML result 1")
# Of the market's job ids.
DOMAIN_TYPEHASH: constant(bytes32) = keccak256(
    "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
)
MARKET_NAME: constant(bytes32) = keccak256("Model Network")
MARKET_VERSION: constant(bytes32) = keccak256("1")
TERMS_TYPEHASH: constant(bytes32) = keccak256(
    "JobTerms(address requester,bytes32 model_id,bytes32 artifact_id,bytes4 selector,bytes32 subnet_id,bytes32 input_commitment,address token,uint256 max_price,address callback_target,bytes32 decision_hash,bytes32 salt,uint256 conditions)"
)
RESULT_TYPEHASH: constant(bytes32) = keccak256(
    "Result(bytes32 job_id,bytes32 model_id,bytes32 input_commitment,bytes32 output_hash,address worker,uint256 deadline)"
)

# Why a key doesn't count any more; 1 and 2 are IntelCollateral.revoked_by's.
MEASUREMENT_REMOVED: constant(uint256) = 3
PLATFORM_REMOVED: constant(uint256) = 4
EVALUATION_OLD: constant(uint256) = 5
CONFLICT: constant(uint256) = 6
REPLACED: constant(uint256) = 7

# Where the fields of a key's word begin.
OPERATOR: constant(uint256) = 96
EXPIRES: constant(uint256) = 56
EVALUATION: constant(uint256) = 40
AUTHORITY: constant(uint256) = 32
MEASUREMENT: constant(uint256) = 28
REASON: constant(uint256) = 24
# And of a policy's.
KNOWN: constant(uint256) = 2**65
ANY_PLATFORM: constant(uint256) = 2**64
REMOVED: constant(uint256) = 48
LOWEST: constant(uint256) = 32
# In `_fell`, beside places of measurements: evaluations from zero.
EVALUATIONS: constant(uint256) = 16
# Each step of a rise is written down.
MAX_RISE: constant(uint256) = 64

MARKET: public(immutable(address))
SUBNETS: public(immutable(address))
MODELS: public(immutable(address))
# An IDcapVerifier, and the IIntelCollateral that it judges by.
DCAP: public(immutable(address))
COLLATERAL: public(immutable(address))
# The longest hold of a policy, which is the method's `max_delay` in the market, seconds.
MAX_HOLD: public(immutable(uint256))
# How long after a key's life its bond can still be lost, seconds.
PROOF_SECONDS: public(immutable(uint256))
# EIP-2935 history contract, or zero: anchors are then among the last 256 blocks.
BLOCK_HISTORY: public(immutable(address))

_policies: HashMap[bytes32, uint256]
_guardians: HashMap[bytes32, address]
# policy -> key -> its words
_keys: HashMap[bytes32, HashMap[address, uint256]]
_platforms: HashMap[bytes32, HashMap[address, uint256]]
# policy -> platform -> keys that hold its places
_places: HashMap[bytes32, HashMap[uint256, address[MAX_QUOTA]]]
# policy -> platform -> when it was removed
_removed_platforms: HashMap[bytes32, HashMap[uint256, uint256]]
# policy -> place of a measurement, or EVALUATIONS + number -> when it was taken
_fell: HashMap[bytes32, HashMap[uint256, uint256]]
# policy -> key -> when a larger stake took its place
_evicted: HashMap[bytes32, HashMap[address, uint256]]
# Numbers of authorities, from 1, so that keys can name them in a byte.
_numbers: HashMap[bytes20, uint256]
_authorities: bytes20[256]
_authority_count: uint256
# job -> key | final_at << 160, and the hash of the answer
_claims: HashMap[bytes32, uint256]
_outputs: HashMap[bytes32, bytes32]


@deploy
def __init__(
    market: address,
    subnets: address,
    models: address,
    dcap: address,
    max_hold: uint256,
    proof_seconds: uint256,
    block_history: address,
):
    """
    @param dcap A DcapVerifier, whose collateral is of a simulated root on chains for development only.
    """
    eip712.__init__("Model Network TEEML", "1")
    collateral: address = staticcall IDcapVerifier(dcap).COLLATERAL()
    simulated: bool = staticcall IIntelCollateral(collateral).SIMULATED()
    assert not simulated or chain.id == 31_337 or chain.id == 1_337, "simulated"
    assert max_hold < 2**32 and proof_seconds < 2**32, "seconds"
    MARKET = market
    SUBNETS = subnets
    MODELS = models
    DCAP = dcap
    COLLATERAL = collateral
    MAX_HOLD = max_hold
    PROOF_SECONDS = proof_seconds
    BLOCK_HISTORY = block_history


################################################################
#                          POLICIES                            #
################################################################


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


@internal
@view
def _check_guardian(policy_id: bytes32):
    assert self._policies[policy_id] != 0, "unknown policy"
    # A policy without one has the zero address, which calls nothing.
    assert msg.sender == self._guardians[policy_id], "not the guardian"


################################################################
#                            KEYS                              #
################################################################


@external
def register(policy: ITeemlVerifier.Policy, evidence: ITeemlVerifier.Evidence, binding: ITeemlVerifier.Binding):
    """
    @notice See ITeemlVerifier.
    """
    policy_id: bytes32 = keccak256(abi_encode(policy))
    # Its stake is bonded, and its places on a platform are taken.
    assert msg.sender == binding.operator, "not the operator"
    assert binding.key != empty(address) and self._keys[policy_id][binding.key] == 0, "already registered"
    claims: IDcapVerifier.Claims = self._claims_of(policy_id, policy, evidence, binding.gpu_claims)
    assert claims.report_data[0] == self._binding_hash(policy_id, binding), "report data"
    assert claims.report_data[1] == self._block_hash(binding.anchor), "anchor"
    expires: uint256 = min(block.timestamp + policy.key_ttl, min(claims.until, claims.issued + policy.max_age))
    platform: uint256 = self._platform(claims.platform)
    self._take_place(policy_id, platform, policy.quota, binding.key)
    self._store(policy_id, binding.key, binding.operator, expires, evidence, claims)
    if policy.bond != 0:
        extcall ISubnetRegistry(SUBNETS).lock(self._bond_id(policy_id, binding.key), msg.sender, policy.bond)
    log ITeemlVerifier.KeyRegistered(
        key=binding.key,
        operator=msg.sender,
        policy_id=policy_id,
        sealing_key=binding.sealing_key,
        gpu_claims=binding.gpu_claims,
        manifest=binding.manifest,
        measurement=evidence.measurement,
        platform=convert(slice(claims.platform, 0, 12), bytes12),
        status=claims.status,
        expires=expires,
    )


@internal
@view
def _claims_of(
    policy_id: bytes32, policy: ITeemlVerifier.Policy, evidence: ITeemlVerifier.Evidence, gpu_claims: bytes32
) -> IDcapVerifier.Claims:
    """
    @notice Refuses a quote that the policy doesn't take.
    """
    word: uint256 = self._policies[policy_id]
    assert word != 0, "unknown policy"
    claims: IDcapVerifier.Claims = staticcall IDcapVerifier(DCAP).verify(
        evidence.quote, evidence.authority, evidence.tcb_evaluation, evidence.qe_evaluation
    )
    assert not claims.simulated or chain.id == 31_337 or chain.id == 1_337, "simulated"
    assert (policy.statuses >> claims.status) & 1 == 1, "status"
    assert block.timestamp <= claims.issued + policy.max_age, "collateral too old"
    assert claims.evaluation >= (word >> LOWEST) & 65_535 and claims.evaluation < 2**16, "evaluation"
    assert evidence.measurement < len(policy.measurements), "measurement"
    m: ITeemlVerifier.Measurement = policy.measurements[evidence.measurement]
    measured: bytes32 = claims.runtime_measurement if m.runtime else claims.measurement
    assert claims.tdx == m.tdx and measured == m.value, "measurement"
    assert claims.svn >= m.svn, "svn"
    assert (word >> (REMOVED + evidence.measurement)) & 1 == 0, "measurement removed"
    if word & ANY_PLATFORM != 0:
        removed_at: uint256 = self._removed_platforms[policy_id][self._platform(claims.platform)]
        assert removed_at == 0, "platform removed"
    assert gpu_claims != empty(bytes32) or not policy.require_gpu, "no gpu evidence"
    return claims


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
    for i: uint256 in range(quota, bound=MAX_QUOTA):
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
    if not is_own:
        assert staticcall ISubnetRegistry(SUBNETS).stake_of(msg.sender) > least, "platform is full"
        self._evicted[policy_id][old] = block.timestamp
    self._write_off(policy_id, old, self._keys[policy_id][old], REPLACED)
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
    self._platforms[policy_id][key] = (claims.serial << 96) | self._platform(claims.platform)


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


@internal
def _write_off(policy_id: bytes32, key: address, word: uint256, reason: uint256):
    self._keys[policy_id][key] = (word & ~convert(15 << REASON, uint256)) | (reason << REASON)
    log ITeemlVerifier.KeyInvalidated(key=key, operator=self._operator(word), policy_id=policy_id, reason=reason)


@external
def prove_conflict(
    policy_id: bytes32,
    key: address,
    results: ITeemlVerifier.Result[2],
    signatures: ITeemlVerifier.Signature[2],
):
    """
    @notice See ITeemlVerifier.
    """
    word: uint256 = self._word(policy_id, key)
    assert (word >> REASON) & 15 != CONFLICT, "already invalid"
    assert results[0].job_id == results[1].job_id, "two jobs"
    first: bytes32 = self._digest(results[0])
    second: bytes32 = self._digest(results[1])
    assert first != second, "one result"
    assert self._signer(first, signatures[0]) == key and self._signer(second, signatures[1]) == key, "signature"
    self._write_off(policy_id, key, word, CONFLICT)
    bond_id: bytes32 = self._bond_id(policy_id, key)
    bond: uint256 = staticcall ISubnetRegistry(SUBNETS).locks(self, bond_id) >> 160
    if bond != 0:
        extcall ISubnetRegistry(SUBNETS).slash(bond_id, bond // 2, msg.sender)


@external
def release(policy_id: bytes32, key: address):
    """
    @notice See ITeemlVerifier.
    """
    assert block.timestamp > self._expires(self._word(policy_id, key)) + PROOF_SECONDS, "bond is still locked"
    extcall ISubnetRegistry(SUBNETS).unlock(self._bond_id(policy_id, key))


################################################################
#                           ANSWERS                            #
################################################################


@external
@reentrant
def deliver(
    terms: IJobMarketplace.JobTerms, key: address, output: Bytes[MAX_OUTPUT], signature: ITeemlVerifier.Signature
):
    """
    @notice See ITeemlVerifier.
    @dev Takes no lock, which costs less: the market's own refuses whatever a callback delivers, and nothing is left
         to do here once the market was told.
    """
    word: uint256 = self._word(terms.artifact_id, key)
    state: uint256 = self._policies[terms.artifact_id]
    hold: uint256 = state & (2**32 - 1)
    assert block.timestamp <= self._expires(word), "key expired"
    reason: uint256 = self._taken_for(terms.artifact_id, key, word, state)
    if hold != 0:
        # Without a hold, Intel's revocations count once `invalidate` has written them down.
        reason = self._reason(terms.artifact_id, key, word)
    job_id: bytes32 = self._job_id(terms)
    if reason != 0:
        # What it promised, and what was promised in its name before it could know, it may still do.
        evicted_at: uint256 = self._evicted[terms.artifact_id][key]
        assert reason == REPLACED and evicted_at + NOTICE_SECONDS >= self._posted_at(job_id), "key revoked"
    self._check_artifact(terms.model_id, terms.selector, terms.artifact_id)
    output_hash: bytes32 = keccak256(output)
    digest: bytes32 = eip712._hash_typed_data_v4(
        keccak256(
            abi_encode(
                RESULT_TYPEHASH,
                job_id,
                terms.model_id,
                terms.input_commitment,
                output_hash,
                self._operator(word),
                conditions._deliver_by(terms.conditions),
            )
        )
    )
    assert ecdsa._recover_vrs(digest, signature.v, signature.r, signature.s) == key, "signature"
    if hold == 0:
        # Called by hand: the compiler would send, and pay for, the output's full length.
        raw_call(
            MARKET,
            abi_encode(
                terms,
                self._operator(word),
                output,
                method_id=method_id(
                    "paid((address,bytes32,bytes32,bytes4,bytes32,bytes32,address,uint256,address,bytes32,bytes32,uint256),address,bytes)"
                ),
            ),
        )
    else:
        self._claim(job_id, key, self._operator(word), output_hash, hold)
        extcall IJobMarketplace(MARKET).pending(terms, self._operator(word), output)


@external
def deliver_quoted(
    terms: IJobMarketplace.JobTerms,
    policy: ITeemlVerifier.Policy,
    evidence: ITeemlVerifier.Evidence,
    operator: address,
    gpu_claims: bytes32,
    output: Bytes[MAX_OUTPUT],
):
    """
    @notice See ITeemlVerifier.
    """
    assert keccak256(abi_encode(policy)) == terms.artifact_id, "not the artifact"
    # It would be locked for no longer than the job is.
    assert policy.bond == 0, "bond"
    claims: IDcapVerifier.Claims = self._claims_of(terms.artifact_id, policy, evidence, gpu_claims)
    job_id: bytes32 = self._job_id(terms)
    output_hash: bytes32 = keccak256(output)
    result: ITeemlVerifier.Result = self._result(terms, job_id, output_hash, operator)
    quoted: bytes32 = self._quoted_hash(terms.artifact_id, gpu_claims, result)
    assert claims.report_data[0] == quoted and claims.report_data[1] == empty(bytes32), "report data"
    if policy.hold == 0:
        extcall IJobMarketplace(MARKET).paid(terms, operator, output)
    else:
        # As if by a key that nobody has and that is past its life: a claim needs something that can be revoked.
        key: address = convert(convert(quoted, uint256) >> 96, address)
        self._store(terms.artifact_id, key, operator, block.timestamp - 1, evidence, claims)
        self._claim(job_id, key, operator, output_hash, policy.hold)
        extcall IJobMarketplace(MARKET).pending(terms, operator, output)


@internal
@view
def _result(
    terms: IJobMarketplace.JobTerms, job_id: bytes32, output_hash: bytes32, operator: address
) -> ITeemlVerifier.Result:
    """
    @return What must be signed; refuses terms that name another policy than the model's.
    """
    self._check_artifact(terms.model_id, terms.selector, terms.artifact_id)
    return ITeemlVerifier.Result(
        job_id=job_id,
        model_id=terms.model_id,
        input_commitment=terms.input_commitment,
        output_hash=output_hash,
        worker=operator,
        deadline=conditions._deliver_by(terms.conditions),
    )


@internal
@view
def _check_artifact(model_id: bytes32, selector: bytes4, artifact_id: bytes32):
    found: bytes32 = staticcall IModelRegistry(MODELS).artifact(model_id, selector, skip_contract_check=True)
    assert found == artifact_id, "not the model's artifact"


@internal
def _claim(job_id: bytes32, key: address, operator: address, output_hash: bytes32, hold: uint256):
    final_at: uint256 = block.timestamp + hold
    self._claims[job_id] = (final_at << 160) | convert(key, uint256)
    self._outputs[job_id] = output_hash
    log ITeemlVerifier.Claimed(job_id=job_id, operator=operator, key=key, final_at=final_at)


@external
def finalise(terms: IJobMarketplace.JobTerms, output: Bytes[MAX_OUTPUT]):
    """
    @notice See ITeemlVerifier.
    """
    job_id: bytes32 = self._job_id(terms)
    claim: uint256 = self._claims[job_id]
    assert claim != 0, "no claim"
    assert block.timestamp > claim >> 160, "hold is not over"
    key: address = self._claim_key(claim)
    assert self._revoked_for(terms.artifact_id, key) == 0, "key revoked"
    if keccak256(output) != self._outputs[job_id]:
        assert len(output) == 0, "not the output"
        assert terms.callback_target == empty(address) or conditions._eager(terms.conditions), "output"
    self._clear(job_id)
    extcall IJobMarketplace(MARKET).final(terms, output, True)
    log ITeemlVerifier.Finalised(job_id=job_id)


@external
def refute(terms: IJobMarketplace.JobTerms):
    """
    @notice See ITeemlVerifier.
    """
    job_id: bytes32 = self._job_id(terms)
    claim: uint256 = self._claims[job_id]
    assert claim != 0, "no claim"
    key: address = self._claim_key(claim)
    reason: uint256 = self._revoked_for(terms.artifact_id, key)
    assert reason != 0, "no reason"
    self._clear(job_id)
    extcall IJobMarketplace(MARKET).final(terms, b"", False)
    log ITeemlVerifier.Refuted(job_id=job_id, key=key, reason=reason)


@internal
def _clear(job_id: bytes32):
    self._claims[job_id] = 0
    self._outputs[job_id] = empty(bytes32)


@external
def excuse(terms: IJobMarketplace.JobTerms, key: address):
    """
    @notice See ITeemlVerifier.
    """
    job_id: bytes32 = self._job_id(terms)
    word: uint256 = self._word(terms.artifact_id, key)
    operator: address = (
        staticcall ISubnetRegistry(SUBNETS).member(terms.subnet_id, conditions._primary(terms.conditions))
    )[0]
    assert msg.sender == operator and operator == self._operator(word), "not the one who owes"
    # A fault of its own comes first.
    assert (word >> REASON) & 15 != CONFLICT, "no excuse"
    fell_at: uint256 = self._fell_at(terms.artifact_id, key, word)
    # Taken while it lived, and not so long before the post that the operator knew.
    assert fell_at <= self._expires(word), "no excuse"
    assert fell_at + NOTICE_SECONDS >= self._posted_at(job_id), "no excuse"
    extcall IJobMarketplace(MARKET).excused(terms)
    log ITeemlVerifier.Excused(job_id=job_id, operator=operator, key=key)


@internal
@view
def _posted_at(job_id: bytes32) -> uint256:
    """
    @return When the turns of a job last began; zero for one that nobody posted.
    """
    status: uint256 = 0
    operator: address = empty(address)
    posted_at: uint256 = 0
    pledge: uint256 = 0
    first: uint256 = 0
    status, operator, posted_at, pledge, first = staticcall IJobMarketplace(MARKET).job(job_id)
    return posted_at


@internal
@view
def _fell_at(policy_id: bytes32, key: address, word: uint256) -> uint256:
    """
    @return When the guardian first took what the key rests on: what it takes later, when the key has expired, must
            not hide it. The largest number = never.
    """
    first: uint256 = max_value(uint256)
    times: uint256[3] = [
        self._fell[policy_id][(word >> MEASUREMENT) & 15],
        self._fell[policy_id][EVALUATIONS + ((word >> EVALUATION) & 65_535)],
        self._removed_platforms[policy_id][self._platforms[policy_id][key] & (2**96 - 1)],
    ]
    for fell_at: uint256 in times:
        if fell_at != 0:
            first = min(first, fell_at)
    return first


################################################################
#                         REVOCATION                           #
################################################################


@internal
@view
def _taken_for(policy_id: bytes32, key: address, word: uint256, state: uint256) -> uint256:
    """
    @return Why a key doesn't count any more, its age and Intel's lists aside; zero = it does.
    """
    stored: uint256 = (word >> REASON) & 15
    if stored != 0 and stored != REPLACED:
        return stored
    if (state >> (REMOVED + ((word >> MEASUREMENT) & 15))) & 1 != 0:
        return MEASUREMENT_REMOVED
    if (word >> EVALUATION) & 65_535 < (state >> LOWEST) & 65_535:
        return EVALUATION_OLD
    if state & ANY_PLATFORM != 0:
        if self._removed_platforms[policy_id][self._platforms[policy_id][key] & (2**96 - 1)] != 0:
            return PLATFORM_REMOVED
    return stored


@internal
@view
def _reason(policy_id: bytes32, key: address, word: uint256) -> uint256:
    """
    @return The same with Intel's lists, which are read only when something was revoked since.
    """
    reason: uint256 = self._taken_for(policy_id, key, word, self._policies[policy_id])
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


################################################################
#                           HASHES                             #
################################################################


@internal
@view
def _binding_hash(policy_id: bytes32, binding: ITeemlVerifier.Binding) -> bytes32:
    return keccak256(abi_encode(KEY_TAG, chain.id, self, policy_id, binding))


@internal
@view
def _quoted_hash(policy_id: bytes32, gpu_claims: bytes32, result: ITeemlVerifier.Result) -> bytes32:
    return keccak256(abi_encode(RESULT_TAG, chain.id, self, policy_id, gpu_claims, result))


@internal
@view
def _job_id(terms: IJobMarketplace.JobTerms) -> bytes32:
    """
    @return As JobMarketplace.job_id_of; to ask for it would cost each delivery 1,000 gas.
    """
    domain: bytes32 = keccak256(abi_encode(DOMAIN_TYPEHASH, MARKET_NAME, MARKET_VERSION, chain.id, MARKET))
    return keccak256(concat(x"1901", domain, keccak256(abi_encode(TERMS_TYPEHASH, terms))))


@internal
@view
def _digest(result: ITeemlVerifier.Result) -> bytes32:
    return eip712._hash_typed_data_v4(keccak256(abi_encode(RESULT_TYPEHASH, result)))


@internal
@pure
def _signer(digest: bytes32, signature: ITeemlVerifier.Signature) -> address:
    return ecdsa._recover_vrs(digest, signature.v, signature.r, signature.s)


@internal
@pure
def _bond_id(policy_id: bytes32, key: address) -> bytes32:
    return keccak256(abi_encode(policy_id, key))


@internal
@view
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
    assert found != empty(bytes32), "no block hash"
    return found


################################################################
#                           PACKING                            #
################################################################


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


@internal
@pure
def _platform(platform: bytes32) -> uint256:
    return convert(platform, uint256) >> 160


@internal
@pure
def _claim_key(claim: uint256) -> address:
    return convert(claim & (2**160 - 1), address)


################################################################
#                            VIEWS                             #
################################################################


@view
@external
def policy_state(policy_id: bytes32) -> (uint256, uint256, uint256, address):
    """
    @notice See ITeemlVerifier.
    """
    word: uint256 = self._policies[policy_id]
    assert word != 0, "unknown policy"
    return word & (2**32 - 1), (word >> LOWEST) & 65_535, (word >> REMOVED) & 65_535, self._guardians[policy_id]


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


@view
@external
def claim_of(job_id: bytes32) -> (address, uint256):
    """
    @notice See ITeemlVerifier.
    """
    claim: uint256 = self._claims[job_id]
    return self._claim_key(claim), claim >> 160


@pure
@external
def bond_id(policy_id: bytes32, key: address) -> bytes32:
    """
    @notice See ITeemlVerifier.
    """
    return self._bond_id(policy_id, key)


@pure
@external
def policy_id_of(policy: ITeemlVerifier.Policy) -> bytes32:
    """
    @notice See ITeemlVerifier.
    """
    return keccak256(abi_encode(policy))


@view
@external
def binding_hash(policy_id: bytes32, binding: ITeemlVerifier.Binding) -> bytes32:
    """
    @notice See ITeemlVerifier.
    """
    return self._binding_hash(policy_id, binding)


@view
@external
def quoted_hash(policy_id: bytes32, gpu_claims: bytes32, result: ITeemlVerifier.Result) -> bytes32:
    """
    @notice See ITeemlVerifier.
    """
    return self._quoted_hash(policy_id, gpu_claims, result)


@view
@external
def result_digest(result: ITeemlVerifier.Result) -> bytes32:
    """
    @notice See ITeemlVerifier.
    """
    return self._digest(result)
