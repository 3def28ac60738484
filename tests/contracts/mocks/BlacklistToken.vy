# SPDX-License-Identifier: Apache-2.0
# pragma version ~=0.4.3
"""
@title A token whose issuer can bar accounts (`mark`)
@license Apache-2.0
"""

import token_core as core

initializes: core

exports: (core.balanceOf, core.allowance, core.mint, core.approve, core.mark)


@external
def transfer(to: address, amount: uint256) -> bool:
    self._move(msg.sender, to, amount)
    return True


@external
def transferFrom(owner: address, to: address, amount: uint256) -> bool:
    core._spend(owner, amount)
    self._move(owner, to, amount)
    return True


@internal
def _move(sender: address, receiver: address, amount: uint256):
    assert not core.marked[sender] and not core.marked[receiver], "barred"
    core._move(sender, receiver, amount)
