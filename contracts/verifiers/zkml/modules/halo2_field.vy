# SPDX-License-Identifier: AGPL-3.0-only
# pragma version ~=0.4.3
"""
@title The fields of BN254
@license AGPL-3.0-only
@author Model Network
"""

# Order of the group, and of the field of its coordinates.
R: constant(uint256) = 21888242871839275222246405745257275088548364400416034343698204186575808495617
Q: constant(uint256) = 21888242871839275222246405745257275088696311157297823662689037894645226208583

# What is inverted at once: 40 for the openings, 1 for the domain, 16 rows at its end, 128 instances.
MAX_BATCH: constant(uint256) = 186

MODEXP: constant(address) = 0x0000000000000000000000000000000000000005


@view
@internal
def _power(base: uint256, exponent: uint256) -> uint256:
    return convert(
        raw_call(
            MODEXP,
            abi_encode(convert(32, uint256), convert(32, uint256), convert(32, uint256), base, exponent, R),
            max_outsize=32,
            is_static_call=True,
        ),
        uint256,
    )


@view
@internal
def _invert(values: uint256[MAX_BATCH], count: uint256) -> uint256[MAX_BATCH]:
    """
    @notice The inverses of the first `count`, all at once. Reverts when one of them is zero.
    """
    inverses: uint256[MAX_BATCH] = values
    before: uint256[MAX_BATCH] = empty(uint256[MAX_BATCH])
    product: uint256 = 1
    for i: uint256 in range(count, bound=MAX_BATCH):
        before[i] = product
        product = uint256_mulmod(product, values[i], R)
    assert product != 0
    rest: uint256 = self._power(product, R - 2)
    at: uint256 = count
    for _: uint256 in range(count, bound=MAX_BATCH):
        at = unsafe_sub(at, 1)
        inverses[at] = uint256_mulmod(rest, before[at], R)
        rest = uint256_mulmod(rest, values[at], R)
    return inverses


@pure
@internal
def _mul_add(a: uint256, b: uint256, c: uint256) -> uint256:
    return uint256_addmod(uint256_mulmod(a, b, R), c, R)


@pure
@internal
def _constrain(folded: uint256, y: uint256, where: uint256, amount: uint256) -> uint256:
    """
    @notice One constraint more: `amount` is zero where the polynomial is one that is `where` at x.
    """
    return uint256_addmod(uint256_mulmod(folded, y, R), uint256_mulmod(where, amount, R), R)


@pure
@internal
def _minus(a: uint256, b: uint256) -> uint256:
    """
    @param b less than R.
    """
    return uint256_addmod(a, unsafe_sub(R, b), R)


@pure
@internal
def _check(scalar: uint256):
    assert scalar < R, "range"
