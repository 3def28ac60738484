# SPDX-License-Identifier: Apache-2.0
# pragma version ~=0.4.3
"""
@title A token that calls sender and receiver around each transfer, as ERC-777
@license Apache-2.0
@notice Marked accounts are told before they send and after they receive.
"""

import token_core as core

initializes: core

exports: (core.balanceOf, core.allowance, core.mint, core.approve, core.mark)

interface Hook:
    def on_token(): nonpayable


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
    if core.marked[sender]:
        extcall Hook(sender).on_token()
    core._move(sender, receiver, amount)
    if core.marked[receiver]:
        extcall Hook(receiver).on_token()
