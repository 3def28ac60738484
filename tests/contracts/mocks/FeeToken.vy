# SPDX-License-Identifier: Apache-2.0
# pragma version ~=0.4.3
"""
@title A token that keeps 1 % of each transfer
@license Apache-2.0
"""

import token_core as core

initializes: core

exports: (core.balanceOf, core.allowance, core.mint, core.approve)


@external
def transfer(to: address, amount: uint256) -> bool:
    core._move(msg.sender, to, amount - amount // 100)
    core._move(msg.sender, self, amount // 100)
    return True


@external
def transferFrom(owner: address, to: address, amount: uint256) -> bool:
    core._spend(owner, amount)
    core._move(owner, to, amount - amount // 100)
    core._move(owner, self, amount // 100)
    return True
