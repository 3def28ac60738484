# SPDX-License-Identifier: Apache-2.0
# pragma version ~=0.4.3
"""
@title Account that is a contract
@notice Whoever calls it back (the market with an answer, a hooked token, a transfer of coins) meets its
        mood. It has no lock: the stateful tests send transactions in its name.
"""

QUIET: constant(uint256) = 0
REVERT: constant(uint256) = 1
BURN_GAS: constant(uint256) = 2
REENTER: constant(uint256) = 3

mood: public(uint256)
# Calls back that came, and re-entries that were let in.
calls: public(uint256)
entries: public(uint256)
_target: address
_data: Bytes[8192]
_amount: uint256


@external
def plan(mood: uint256, target: address, data: Bytes[8192], amount: uint256):
    self.mood = mood
    self._target = target
    self._data = data
    self._amount = amount


@external
def on_result(job_id: bytes32, output: Bytes[16384], is_final: bool):
    self._react()


@external
def on_revoked(job_id: bytes32):
    self._react()


@external
def on_tokens():
    self._react()


@external
@payable
def __default__():
    self._react()


@internal
def _react():
    self.calls += 1
    if self.mood == REVERT:
        raise "in no mood"
    if self.mood == BURN_GAS:
        raise UNREACHABLE  # the INVALID opcode takes all
    if self.mood == REENTER:
        # Once: what is let in may call back again.
        self.mood = QUIET
        ok: bool = raw_call(self._target, self._data, value=self._amount, revert_on_failure=False)
        if ok:
            self.entries += 1
