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
"""

from snekmate.utils import ecdsa
from snekmate.utils import eip712_domain_separator as eip712

from ...modules import job_conditions as conditions
from ...modules import job_states as states
from .modules import enclave_keys as keys
from .modules import held_answers as held
from .modules import policies
from .modules import teeml_hashes as hashes

from interfaces import IDcapVerifier
from interfaces import IIntelCollateral
from interfaces import IJobMarketplace
from interfaces import IModelRegistry
from interfaces import ISubnetRegistry
from interfaces import ITeemlVerifier

implements: ITeemlVerifier

initializes: eip712
initializes: policies
initializes: keys[policies := policies]
initializes: hashes[eip712 := eip712]
initializes: held[keys := keys, hashes := hashes]

exports: (
    eip712.eip712Domain,
    policies.create_policy,
    policies.remove_measurement,
    policies.remove_platform,
    policies.raise_evaluation,
    policies.policy_state,
    policies.policy_id_of,
    policies.MAX_HOLD,
    keys.invalidate,
    keys.release,
    keys.key_of,
    keys.is_live,
    keys.keys_on,
    keys.bond_id,
    keys.SUBNETS,
    keys.COLLATERAL,
    keys.PROOF_SECONDS,
    held.finalise,
    held.refute,
    held.claim_of,
    hashes.binding_hash,
    hashes.quoted_hash,
    hashes.result_digest,
    hashes.MARKET,
    hashes.BLOCK_HISTORY,
)

MAX_OUTPUT: constant(uint256) = 16_384
# What was taken so short before the post of a job, its operator may not have known when it accepted.
NOTICE_SECONDS: constant(uint256) = 3_600

MODELS: public(immutable(address))
# An IDcapVerifier, and `COLLATERAL` the IIntelCollateral that it judges by.
DCAP: public(immutable(address))


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
    # A key's bond outlives the last claim that it signed.
    assert proof_seconds >= max_hold, "seconds"
    policies.__init__(max_hold)
    keys.__init__(subnets, collateral, proof_seconds)
    hashes.__init__(market, block_history)
    MODELS = models
    DCAP = dcap


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
    assert binding.key != empty(address) and keys._keys[policy_id][binding.key] == 0, "already registered"
    claims: IDcapVerifier.Claims = self._claims_of(policy_id, policy, evidence, binding.gpu_claims)
    assert claims.report_data[0] == hashes._binding_hash(policy_id, binding), "report data"
    assert claims.report_data[1] == hashes._block_hash(binding.anchor), "anchor"
    expires: uint256 = min(block.timestamp + policy.key_ttl, min(claims.until, claims.issued + policy.max_age))
    platform: uint256 = policies._platform(claims.platform)
    keys._take_place(policy_id, platform, policy.quota, binding.key)
    keys._store(policy_id, binding.key, binding.operator, expires, evidence, claims)
    if policy.bond != 0:
        extcall ISubnetRegistry(keys.SUBNETS).lock(keys._bond_id(policy_id, binding.key), msg.sender, policy.bond)
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
    claims: IDcapVerifier.Claims = staticcall IDcapVerifier(DCAP).verify(
        evidence.quote, evidence.authority, evidence.tcb_evaluation, evidence.qe_evaluation
    )
    assert not claims.simulated or chain.id == 31_337 or chain.id == 1_337, "simulated"
    policies._check(policy_id, policy, evidence.measurement, claims, gpu_claims)
    return claims


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
    word: uint256 = keys._word(policy_id, key)
    assert (word >> keys.REASON) & 15 != keys.CONFLICT, "already invalid"
    assert results[0].job_id == results[1].job_id, "two jobs"
    first: bytes32 = hashes._digest(results[0])
    second: bytes32 = hashes._digest(results[1])
    assert first != second, "one result"
    assert hashes._signer(first, signatures[0]) == key and hashes._signer(second, signatures[1]) == key, "signature"
    keys._write_off(policy_id, key, word, keys.CONFLICT)
    bond_id: bytes32 = keys._bond_id(policy_id, key)
    bond: uint256 = staticcall ISubnetRegistry(keys.SUBNETS).locks(self, bond_id) >> 160
    if bond != 0:
        extcall ISubnetRegistry(keys.SUBNETS).slash(bond_id, bond // 2, msg.sender)


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
    word: uint256 = keys._word(terms.artifact_id, key)
    state: uint256 = policies._policies[terms.artifact_id]
    hold: uint256 = state & (2**32 - 1)
    assert block.timestamp <= keys._expires(word), "key expired"
    reason: uint256 = keys._taken_for(terms.artifact_id, key, word, state)
    if hold != 0:
        # Without a hold, Intel's revocations count once `invalidate` has written them down.
        reason = keys._reason(terms.artifact_id, key, word)
    job_id: bytes32 = hashes._job_id(terms)
    if reason != 0:
        # What it promised, and what was promised in its name before it could know, it may still do.
        evicted_at: uint256 = keys._evicted[terms.artifact_id][key]
        assert reason == keys.REPLACED and evicted_at + NOTICE_SECONDS >= self._posted_at(job_id), "key revoked"
    self._check_artifact(terms.model_id, terms.selector, terms.artifact_id)
    output_hash: bytes32 = keccak256(output)
    digest: bytes32 = eip712._hash_typed_data_v4(
        keccak256(
            abi_encode(
                hashes.RESULT_TYPEHASH,
                job_id,
                terms.model_id,
                terms.input_commitment,
                output_hash,
                keys._operator(word),
                conditions._deliver_by(terms.conditions),
            )
        )
    )
    assert ecdsa._recover_vrs(digest, signature.v, signature.r, signature.s) == key, "signature"
    if hold == 0:
        # Called by hand: the compiler would send, and pay for, the output's full length.
        raw_call(
            hashes.MARKET,
            abi_encode(
                terms,
                keys._operator(word),
                output,
                states.PAID,
                convert(0, uint256),
                method_id=method_id(
                    "deliver((address,bytes32,bytes32,bytes4,bytes32,bytes32,address,uint256,address,bytes32,bytes32,uint256),address,bytes,uint256,uint256)"
                ),
            ),
        )
    else:
        held._claim(job_id, key, keys._operator(word), output_hash, hold)
        extcall IJobMarketplace(hashes.MARKET).deliver(terms, keys._operator(word), output, states.PENDING, 0)


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
    job_id: bytes32 = hashes._job_id(terms)
    output_hash: bytes32 = keccak256(output)
    result: ITeemlVerifier.Result = self._result(terms, job_id, output_hash, operator)
    quoted: bytes32 = hashes._quoted_hash(terms.artifact_id, gpu_claims, result)
    assert claims.report_data[0] == quoted and claims.report_data[1] == empty(bytes32), "report data"
    if policy.hold == 0:
        extcall IJobMarketplace(hashes.MARKET).deliver(terms, operator, output, states.PAID, 0)
    else:
        # As if by a key that nobody has and that is past its life: a claim needs something that can be revoked.
        key: address = convert(convert(quoted, uint256) >> 96, address)
        keys._store(terms.artifact_id, key, operator, block.timestamp - 1, evidence, claims)
        held._claim(job_id, key, operator, output_hash, policy.hold)
        extcall IJobMarketplace(hashes.MARKET).deliver(terms, operator, output, states.PENDING, 0)


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


@external
def excuse(terms: IJobMarketplace.JobTerms, key: address):
    """
    @notice See ITeemlVerifier.
    """
    job_id: bytes32 = hashes._job_id(terms)
    word: uint256 = keys._word(terms.artifact_id, key)
    operator: address = (
        staticcall ISubnetRegistry(keys.SUBNETS).member(terms.subnet_id, conditions._primary(terms.conditions))
    )[0]
    assert msg.sender == operator and operator == keys._operator(word), "not the one who owes"
    # A fault of its own comes first.
    assert (word >> keys.REASON) & 15 != keys.CONFLICT, "no excuse"
    fell_at: uint256 = keys._fell_at(terms.artifact_id, key, word)
    # Taken while it lived and could have answered, and not so long before the post that the operator knew.
    assert fell_at <= min(keys._expires(word), conditions._deliver_by(terms.conditions)), "no excuse"
    posted_at: uint256 = self._posted_at(job_id)
    assert fell_at + NOTICE_SECONDS >= posted_at, "no excuse"
    # An evicted key owes, and can sign, only what was promised before the operator knew of that.
    evicted_at: uint256 = keys._evicted[terms.artifact_id][key]
    assert evicted_at == 0 or evicted_at + NOTICE_SECONDS >= posted_at, "no excuse"
    extcall IJobMarketplace(hashes.MARKET).excused(terms)
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
    bond: uint256 = 0
    status, operator, posted_at, pledge, first, bond = staticcall IJobMarketplace(hashes.MARKET).job(job_id)
    return posted_at
