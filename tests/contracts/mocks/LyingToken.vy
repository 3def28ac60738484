# SPDX-License-Identifier: Apache-2.0
# pragma version ~=0.4.3
"""
@title A token whose balanceOf says what the test wants
@license Apache-2.0
@notice Each transferFrom moves nothing and adds `step` to every balance told.
"""

told: public(uint256)
step: public(uint256)


@external
def set_step(step: uint256):
    self.step = step


@view
@external
def balanceOf(account: address) -> uint256:
    return self.told


@external
def transfer(to: address, amount: uint256) -> bool:
    return True


@external
def transferFrom(owner: address, to: address, amount: uint256) -> bool:
    self.told += self.step
    return True
