# SPDX-License-Identifier: Apache-2.0
# pragma version ~=0.4.3
"""
@title A token that returns false where others revert
@license Apache-2.0
"""

import token_core as core

initializes: core

exports: (core.balanceOf, core.allowance, core.mint, core.approve)

# Whether transfers out of holders succeed.
works: public(bool)


@external
def set_works(works: bool):
    self.works = works


@external
def transfer(to: address, amount: uint256) -> bool:
    if self.works:
        core._move(msg.sender, to, amount)
    return self.works


@external
def transferFrom(owner: address, to: address, amount: uint256) -> bool:
    if self.works:
        core._spend(owner, amount)
        core._move(owner, to, amount)
    return self.works
