# SPDX-License-Identifier: Apache-2.0
"""The arithmetic of ``contracts/modules/weighted_draw.vy``, bit for bit: integers only."""

from __future__ import annotations

from eth_utils.crypto import keccak

WAD = 10**18

# The rational approximation of ln on [1, 2), in 2**96 fixed point (snekmate's `_wad_ln`).
_P = (
    24_828_157_081_833_163_892_658_089_445_524,
    43_456_485_725_739_037_958_740_375_743_393,
    -11_111_509_109_440_967_052_023_855_526_967,
    -45_023_709_667_254_063_763_336_534_515_857,
    -14_706_773_417_378_608_786_704_636_184_526,
)
_P_FIRST = 3_273_285_459_638_523_848_632_254_066_296
_P_LAST = -795_164_235_651_350_426_258_249_787_498 << 96
_Q = (
    71_694_874_799_317_883_764_090_561_454_958,
    283_447_036_172_924_575_727_196_451_306_956,
    401_686_690_394_027_663_651_624_208_769_553,
    204_048_457_590_392_012_362_485_061_816_622,
    31_853_899_698_501_571_402_653_359_427_138,
    909_429_971_244_387_300_277_376_558_375,
)
_Q_FIRST = 5_573_035_233_440_673_466_300_451_813_936
# Scale of the quotient, ln 2, and ln(2**96 / 10**18), in the base that the last shift takes away.
_SCALE = 1_677_202_110_996_718_588_342_820_967_067_443_963_516_166
_LN_2 = (
    16_597_577_552_685_614_221_487_285_958_193_947_469_193_820_559_219_878_177_908_093_499_208_371
)
_LN_BASE = (
    600_920_179_829_731_861_736_702_779_321_621_459_595_472_258_049_074_101_567_377_883_020_018_308
)


def wad_ln(x: int) -> int:
    """ln(x / 1e18) * 1e18, rounded as the contract rounds; 0 for ``x`` = 0, as snekmate has it.

    ``x`` is below 2**255. Raises ValueError when negative.
    """
    if x < 0:
        raise ValueError("wad_ln of a negative number")
    if x == 0:
        return 0
    exponent = x.bit_length() - 1 - 96
    mantissa = x << -exponent if exponent < 0 else x >> exponent
    p = _polynomial(mantissa, _P_FIRST, _P) * mantissa + _P_LAST
    q = _polynomial(mantissa, _Q_FIRST, _Q)
    return (_quotient(p, q) * _SCALE + exponent * _LN_2 + _LN_BASE) >> 174


def _polynomial(x: int, first: int, others: tuple[int, ...]) -> int:
    """A monic polynomial by Horner's rule; ``>>`` rounds down, as it does on chain."""
    value = x + first
    for coefficient in others:
        value = (value * x >> 96) + coefficient
    return value


def _quotient(p: int, q: int) -> int:
    """p / q for q > 0, rounded towards zero as the EVM does."""
    return p // q if p >= 0 else -(-p // q)


def uniform(seed: bytes, index: int) -> int:
    """A wad in (0, 1e18] from 63 bits of keccak256(seed, index). ``seed`` has 32 bytes."""
    h = int.from_bytes(keccak(seed + index.to_bytes(32, "big")), "big") >> 193
    return max(((h + 1) * WAD) >> 63, 1)


def key(u: int, weight: int) -> int:
    """-ln(u) / weight in 1e36 fixed point, rounded down; the smallest keys win a draw.

    ``u`` in (0, 1e18], ``weight`` in gwei, above zero.
    """
    return -wad_ln(u) * WAD // weight
