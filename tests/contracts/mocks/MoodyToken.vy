# SPDX-License-Identifier: Apache-2.0
# pragma version ~=0.4.3
"""
@title ERC-20 token with hooks and moods
@notice As ERC-777: tells a hooked payer before its coins move and a hooked payee after. In all moods but
        the first it pays less than it should, or nothing.
"""

interface Hooked:
    def on_tokens(): nonpayable

HONEST: constant(uint256) = 0
REVERTS: constant(uint256) = 1
ANSWERS_FALSE: constant(uint256) = 2
KEEPS_A_PART: constant(uint256) = 3
MOVES_NOTHING: constant(uint256) = 4

mood: public(uint256)
hooked: public(HashMap[address, bool])
balanceOf: public(HashMap[address, uint256])
allowance: public(HashMap[address, HashMap[address, uint256]])


@external
def set_mood(mood: uint256):
    self.mood = mood


@external
def hook(account: address):
    self.hooked[account] = True


@external
def mint(account: address, amount: uint256):
    self.balanceOf[account] += amount


@external
def approve(spender: address, amount: uint256) -> bool:
    self.allowance[msg.sender][spender] = amount
    return True


@external
def transfer(to: address, amount: uint256) -> bool:
    return self._move(msg.sender, to, amount)


@external
def transferFrom(payer: address, to: address, amount: uint256) -> bool:
    self.allowance[payer][msg.sender] -= amount
    return self._move(payer, to, amount)


@internal
def _move(payer: address, to: address, amount: uint256) -> bool:
    assert self.mood != REVERTS, "blacklisted"
    if self.mood == ANSWERS_FALSE:
        return False
    if self.mood == MOVES_NOTHING:
        return True
    if self.hooked[payer]:
        extcall Hooked(payer).on_tokens()
    self.balanceOf[payer] -= amount
    self.balanceOf[to] += amount - (1 if self.mood == KEEPS_A_PART and amount != 0 else 0)
    if self.hooked[to]:
        extcall Hooked(to).on_tokens()
    return True
