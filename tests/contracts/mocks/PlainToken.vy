# SPDX-License-Identifier: AGPL-3.0-only
# pragma version ~=0.4.3
"""
@title A well-behaved ERC-20
@license AGPL-3.0-only
"""

from snekmate.auth import ownable
from snekmate.tokens import erc20

initializes: ownable
initializes: erc20[ownable := ownable]

exports: (erc20.balanceOf, erc20.allowance, erc20.approve, erc20.transfer, erc20.transferFrom, erc20.totalSupply)


@deploy
def __init__():
    ownable.__init__()
    erc20.__init__("Plain", "PLAIN", 18, "Plain", "1")


@external
def mint(to: address, amount: uint256):
    erc20._mint(to, amount)
