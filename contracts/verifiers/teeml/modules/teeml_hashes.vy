# SPDX-License-Identifier: AGPL-3.0-only
# pragma version ~=0.4.3
# pragma nonreentrancy on
"""
@title What enclaves and jobs are known by under method `teeml`
@license AGPL-3.0-only
@author Model Network
@notice Report data of quotes, digests of results, ids of jobs.
"""

from snekmate.utils import ecdsa
from snekmate.utils import eip712_domain_separator as eip712

from interfaces import IJobMarketplace
from interfaces import ITeemlVerifier

uses: eip712

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

MARKET: public(immutable(address))
# EIP-2935 history contract, or zero: anchors are then among the last 256 blocks.
BLOCK_HISTORY: public(immutable(address))


@deploy
def __init__(market: address, block_history: address):
    MARKET = market
    BLOCK_HISTORY = block_history


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
