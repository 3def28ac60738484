# SPDX-License-Identifier: AGPL-3.0-only
# pragma version ~=0.4.3
"""
@title Model registry
@license AGPL-3.0-only
@author Model Network
@notice Immutable model records under their own hash, and who vouches for them. No owner, no switch:
        nothing here can be changed, removed or repointed once published.
"""

from interfaces import IModelRegistry
from interfaces import ISubnetRegistry

implements: IModelRegistry

MAX_ROYALTY_BPS: constant(uint256) = 5_000

# Where attesters have their stake.
SUBNETS: public(immutable(address))
# Stake below which an attestation is refused, wei.
ATTEST_STAKE: public(immutable(uint256))

# royalty_bps << 160 | publisher
_records: HashMap[bytes32, uint256]
_artifacts: HashMap[bytes32, HashMap[bytes4, bytes32]]
_attested_at: HashMap[bytes32, HashMap[address, uint256]]


@deploy
def __init__(subnets: address, attest_stake: uint256):
    SUBNETS = subnets
    ATTEST_STAKE = attest_stake


@external
def publish(
    onnx_hash: bytes32,
    card_hash: bytes32,
    parent: bytes32,
    royalty_bps: uint256,
    artifacts: DynArray[IModelRegistry.Artifact, 8],
    uri: String[256],
) -> bytes32:
    assert royalty_bps <= MAX_ROYALTY_BPS, "royalty too high"
    assert parent == empty(bytes32) or self._records[parent] != 0, "unknown parent"
    model_id: bytes32 = self._model_id(msg.sender, onnx_hash, card_hash, parent, royalty_bps, artifacts)
    assert self._records[model_id] == 0, "already published"
    self._records[model_id] = (royalty_bps << 160) | convert(msg.sender, uint256)
    last: uint256 = 0
    for a: IModelRegistry.Artifact in artifacts:
        selector: uint256 = convert(convert(a.selector, bytes32), uint256)
        # Strict order makes the list canonical: one record, one id, one artifact a method.
        assert selector > last, "artifacts not ascending"
        last = selector
        self._artifacts[model_id][a.selector] = a.artifact_id
    log IModelRegistry.ModelPublished(
        model_id=model_id,
        publisher=msg.sender,
        parent=parent,
        onnx_hash=onnx_hash,
        card_hash=card_hash,
        royalty_bps=royalty_bps,
        artifacts=artifacts,
        uri=uri,
    )
    return model_id


@external
def attest(model_id: bytes32):
    assert self._records[model_id] != 0, "unknown model"
    assert staticcall ISubnetRegistry(SUBNETS).stake_of(msg.sender) >= ATTEST_STAKE, "stake too low"
    assert self._attested_at[model_id][msg.sender] == 0, "already attested"
    self._attested_at[model_id][msg.sender] = block.timestamp
    log IModelRegistry.ModelAttested(model_id=model_id, attester=msg.sender)


@external
def retract(model_id: bytes32):
    assert self._attested_at[model_id][msg.sender] != 0, "not attested"
    self._attested_at[model_id][msg.sender] = 0
    log IModelRegistry.AttestationRetracted(model_id=model_id, attester=msg.sender)


@view
@external
def record(model_id: bytes32) -> (address, uint256):
    word: uint256 = self._records[model_id]
    return convert(word & convert(max_value(uint160), uint256), address), word >> 160


@view
@external
def artifact(model_id: bytes32, selector: bytes4) -> bytes32:
    return self._artifacts[model_id][selector]


@view
@external
def attested_at(model_id: bytes32, attester: address) -> uint256:
    return self._attested_at[model_id][attester]


@view
@external
def model_id_of(
    publisher: address,
    onnx_hash: bytes32,
    card_hash: bytes32,
    parent: bytes32,
    royalty_bps: uint256,
    artifacts: DynArray[IModelRegistry.Artifact, 8],
) -> bytes32:
    return self._model_id(publisher, onnx_hash, card_hash, parent, royalty_bps, artifacts)


@view
@internal
def _model_id(
    publisher: address,
    onnx_hash: bytes32,
    card_hash: bytes32,
    parent: bytes32,
    royalty_bps: uint256,
    artifacts: DynArray[IModelRegistry.Artifact, 8],
) -> bytes32:
    # Chain and registry are part of the id, so that a record copied elsewhere is another model.
    return keccak256(abi_encode(chain.id, self, publisher, onnx_hash, card_hash, parent, royalty_bps, artifacts))
