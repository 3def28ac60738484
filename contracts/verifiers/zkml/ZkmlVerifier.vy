# SPDX-License-Identifier: AGPL-3.0-only
# pragma version ~=0.4.3
"""
@title Method `zkml`
@license AGPL-3.0-only
@author Model Network
@notice Binds a proof to a job. The artifact in the model's record names everything that decides: setup, program
        and weights; the terms name model, artifact and input; the output is read from the proof. Whether the
        job is open, who may deliver it and until when is the market's to check.

        Nothing in a proof names the job or the worker, and there are many proofs of one statement: what keeps
        others from copying one is the primary's window, so the market must list this method without `hedge`,
        and nothing may be keyed on a proof's hash. Has no owner.
"""

from ...modules import job_conditions as conditions
from ...modules import job_states as states

from interfaces import IHalo2Verifier
from interfaces import IJobMarketplace
from interfaces import IModelRegistry
from interfaces import IZkmlVerifier

implements: IZkmlVerifier

MAX_PROOF: constant(uint256) = 8_192
MAX_VALUES: constant(uint256) = 128
MAX_OUTPUT: constant(uint256) = 8 * MAX_VALUES
# Order of the field that values live in.
R: constant(uint256) = 21888242871839275222246405745257275088548364400416034343698204186575808495617
# Masks of 8 bytes: each second byte, each second pair.
EVEN_BYTES: constant(uint256) = 71_777_214_294_589_695
EVEN_PAIRS: constant(uint256) = 281_470_681_808_895
# keccak256 of -[tau]G2 of the Perpetual Powers of Tau, whose files ezkl publishes the hashes of.
CEREMONY: constant(bytes32) = 0xe082e0953d9106412dd7acc5626888fa05c455f1b193d7fbea31933060680203

MARKET: public(immutable(address))
MODELS: public(immutable(address))
# Of IHalo2Verifier, after ERC-5202.
BLUEPRINT: public(immutable(address))

_verifiers: HashMap[bytes32, address]
_programs: HashMap[bytes32, address]


@deploy
def __init__(market: address, models: address, blueprint: address):
    MARKET = market
    MODELS = models
    BLUEPRINT = blueprint


@external
def deliver(
    terms: IJobMarketplace.JobTerms,
    circuit: IZkmlVerifier.Circuit,
    proof: Bytes[MAX_PROOF],
    instances: DynArray[uint256, MAX_VALUES],
):
    """
    @notice See IZkmlVerifier.
    """
    assert keccak256(abi_encode(circuit)) == terms.artifact_id, "not the artifact"
    assert (
        staticcall IModelRegistry(MODELS).artifact(terms.model_id, terms.selector) == terms.artifact_id
    ), "not the model's artifact"
    assert conditions._n(terms.conditions) == 1, "batch size"
    self._check_circuit(circuit)
    assert len(instances) == circuit.inputs + circuit.outputs, "number of values"
    # Input and output are no functions of their own: copies would cost thousands of gas in memory.
    if circuit.inputs == 0:
        assert keccak256(slice(proof, 0, 64)) == terms.input_commitment, "not the input"
    else:
        # Behind the offset and the length.
        values: Bytes[32 * MAX_VALUES + 64] = slice(abi_encode(instances), 64, 32 * circuit.inputs)
        assert keccak256(values) == terms.input_commitment, "not the input"
    if circuit.weight_points != 0:
        assert keccak256(slice(proof, 64 * circuit.input_points, 64)) == circuit.weights, "not the weights"
    verifier: address = self._verifiers[circuit.setup]
    assert verifier != empty(address), "no such setup"
    program: address = self._programs[circuit.program]
    assert program != empty(address), "no such program"
    # Reverts for anything but a proof of this very program with these very values.
    assert staticcall IHalo2Verifier(verifier).verify(program, circuit.program, proof, instances), "proof"
    words: uint256[MAX_VALUES // 4] = empty(uint256[MAX_VALUES // 4])
    for i: uint256 in range(circuit.outputs, bound=MAX_VALUES):
        words[i // 4] |= self._little_endian(instances[circuit.inputs + i]) << (192 - 64 * (i % 4))
    output: Bytes[MAX_OUTPUT] = slice(abi_encode(words), 0, 8 * circuit.outputs)
    extcall IJobMarketplace(MARKET).deliver(terms, msg.sender, output, states.PAID, 0)


@external
def add_setup(neg_tau_g2: uint256[4]) -> address:
    """
    @notice See IZkmlVerifier.
    """
    setup: bytes32 = keccak256(abi_encode(neg_tau_g2))
    # Whoever made a development setup can prove anything.
    assert setup == CEREMONY or chain.id == 31_337 or chain.id == 1_337, "development setup"
    verifier: address = self._verifiers[setup]
    if verifier == empty(address):
        verifier = create_from_blueprint(BLUEPRINT, neg_tau_g2)
        self._verifiers[setup] = verifier
        log IZkmlVerifier.SetupAdded(setup=setup, verifier=verifier)
    return verifier


@external
def add_program(program: address) -> bytes32:
    """
    @notice See IZkmlVerifier.
    """
    assert program.codesize != 0, "no code"
    # Code that begins by stopping can't destroy itself.
    assert convert(slice(program.code, 0, 1), uint256) == 0, "not data"
    code_hash: bytes32 = program.codehash
    if self._programs[code_hash] == empty(address):
        self._programs[code_hash] = program
        log IZkmlVerifier.ProgramAdded(code_hash=code_hash, program=program)
    return code_hash


@pure
@internal
def _check_circuit(circuit: IZkmlVerifier.Circuit):
    """
    @notice What keeps a circuit from leaving its input or its weights open, whoever published it.
    """
    assert circuit.version == 1, "version"
    assert (circuit.inputs == 0) != (circuit.input_points == 0), "input binding"
    assert (circuit.weights == empty(bytes32)) == (circuit.weight_points == 0), "weight binding"
    assert circuit.outputs != 0 and max(circuit.inputs, circuit.outputs) <= MAX_VALUES, "number of values"
    # One point commits to as many values as the circuit has rows.
    assert max(circuit.input_points, circuit.weight_points) <= 1, "number of points"


@pure
@internal
def _little_endian(felt: uint256) -> uint256:
    """
    @return A value's 8 bytes, the lowest in front, in the lower bits of a word.
    """
    x: uint256 = felt
    if felt > R // 2:
        assert R - felt <= 2**63, "output range"
        x = 2**64 - (R - felt)
    else:
        assert felt < 2**63, "output range"
    x = ((x & EVEN_BYTES) << 8) | ((x >> 8) & EVEN_BYTES)
    x = ((x & EVEN_PAIRS) << 16) | ((x >> 16) & EVEN_PAIRS)
    return ((x & (2**32 - 1)) << 32) | (x >> 32)


################################################################
#                            VIEWS                             #
################################################################


@view
@external
def verifier_of(setup: bytes32) -> address:
    """
    @notice See IZkmlVerifier.
    """
    return self._verifiers[setup]


@view
@external
def program_of(code_hash: bytes32) -> address:
    """
    @notice See IZkmlVerifier.
    """
    return self._programs[code_hash]
