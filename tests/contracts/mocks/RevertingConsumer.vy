# SPDX-License-Identifier: Apache-2.0
# pragma version ~=0.4.3
"""
@title A consumer that refuses every call, and every coin
@license Apache-2.0
@notice With `burn` set it takes all gas with it.
"""

burn: public(bool)


@deploy
def __init__(burn: bool):
    self.burn = burn


@external
@payable
def __default__():
    if self.burn:
        raise UNREACHABLE
    raise "refused"
