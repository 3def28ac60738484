# SPDX-License-Identifier: Apache-2.0
# pragma version ~=0.4.3
"""
@title A consumer that writes down what it hears
@license Apache-2.0
"""

from interfaces import IConsumer

implements: IConsumer

struct Heard:
    results: uint256
    revocations: uint256
    output_hash: bytes32
    is_final: bool
    # Gas that the call came with, less what it took to get here.
    gas: uint256
    sender: address

heard: public(HashMap[bytes32, Heard])


@external
def on_result(job_id: bytes32, output: Bytes[16384], is_final: bool):
    gas_left: uint256 = msg.gas
    self.heard[job_id].results += 1
    self.heard[job_id].output_hash = keccak256(output)
    self.heard[job_id].is_final = is_final
    self.heard[job_id].gas = gas_left
    self.heard[job_id].sender = msg.sender


@external
def on_revoked(job_id: bytes32):
    gas_left: uint256 = msg.gas
    self.heard[job_id].revocations += 1
    self.heard[job_id].gas = gas_left
