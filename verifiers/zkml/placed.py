# SPDX-License-Identifier: Apache-2.0
"""Whether a chain has what a circuit's artifact names, and may have it."""

from __future__ import annotations

from functools import lru_cache

from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak

from offchain_workers.chain.contracts import Network
from offchain_workers.chain.contracts.zkml import Halo2Verifier, ZkmlVerifier
from offchain_workers.chain.development import DEVELOPMENT_CHAINS
from verifiers.zkml.circuit import Description
from verifiers.zkml.faults import DevelopmentSetupError, NotListedError, NotPlacedError
from verifiers.zkml.srs import Kind


@lru_cache(maxsize=8)
def verifier_of(network: Network) -> ZkmlVerifier:
    """A market never changes a method's contract. Raises NotListedError."""
    found = ZkmlVerifier.of(network)
    if found is None:
        raise NotListedError("the market does not list method zkml")
    return found


def check_setup(network: Network, description: Description) -> None:
    """Raises DevelopmentSetupError: whoever made a development setup can prove anything."""
    chain = network.marketplace.domain.chain_id
    if description.kind is not Kind.CEREMONY and chain not in DEVELOPMENT_CHAINS:
        raise DevelopmentSetupError(
            f"the circuit's setup is for development; chain {chain} takes the ceremony's only"
        )


def check_placed(network: Network, description: Description) -> None:
    """Verifier and program are there, and are by their own words and code what the artifact names.

    Raises NotPlacedError, NotListedError, DevelopmentSetupError, and the chain's errors.
    """
    check_setup(network, description)
    market, circuit = verifier_of(network), description.circuit
    verifier, program = market.verifier_of(circuit.setup), market.program_of(circuit.program)
    if verifier is None:
        raise NotPlacedError(f"no verifier of setup 0x{circuit.setup.hex()} is on the chain")
    if program is None:
        raise NotPlacedError(f"the program 0x{circuit.program.hex()} is not on the chain")
    if Halo2Verifier(market.w3, verifier).neg_tau_g2() != description.neg_tau_g2:
        raise NotPlacedError(f"the verifier at {verifier} is of another setup")
    if keccak(market.w3.eth.get_code(to_checksum_address(program))) != circuit.program:
        raise NotPlacedError(f"the code at {program} is not the program that the artifact names")
