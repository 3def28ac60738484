# SPDX-License-Identifier: Apache-2.0
# pragma version ~=0.4.3
"""
@title Balances and allowances of a test token
@license Apache-2.0
@notice What the odd tokens beside this file have in common.
"""

event Transfer:
    sender: indexed(address)
    receiver: indexed(address)
    amount: uint256

balanceOf: public(HashMap[address, uint256])
allowance: public(HashMap[address, HashMap[address, uint256]])
# A mark that a token may give a meaning.
marked: public(HashMap[address, bool])


@external
def mint(to: address, amount: uint256):
    self.balanceOf[to] += amount


@external
def approve(spender: address, amount: uint256) -> bool:
    self.allowance[msg.sender][spender] = amount
    return True


@external
def mark(account: address):
    self.marked[account] = True


@internal
def _spend(owner: address, amount: uint256):
    self.allowance[owner][msg.sender] -= amount


@internal
def _move(sender: address, receiver: address, amount: uint256):
    self.balanceOf[sender] -= amount
    self.balanceOf[receiver] += amount
    log Transfer(sender=sender, receiver=receiver, amount=amount)
