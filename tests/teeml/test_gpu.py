# SPDX-License-Identifier: Apache-2.0
"""Evidence of a real H100: accepted as it is, refused with any part of it changed."""

from __future__ import annotations

import random

import pytest

from tests.teeml.bundles import FOLDER
from tests.teeml.judging import AUTHORITY
from verifiers.teeml.errors import (
    GpuChainError,
    GpuEvidenceError,
    GpuNonceError,
    GpuSignatureError,
    TeeError,
)
from verifiers.teeml.gpu import _split, check_gpu
from verifiers.teeml.simulated.authority import pem

EVIDENCE = bytes.fromhex((FOLDER / "gpu-hopper/evidence.hex").read_text().strip())
CHAIN = (FOLDER / "gpu-hopper/chain.pem").read_bytes()
NONCE = EVIDENCE[4:36]
AT = 1_750_000_000
END = b"-----END CERTIFICATE-----\n"


def test_evidence_says_what_the_device_is() -> None:
    found = check_gpu(EVIDENCE, CHAIN, NONCE, AT)
    assert (found.chip, found.driver, found.vbios) == ("GH100", "550.90.07", "009f009601000000")
    assert sorted(found.measurements) == list(range(1, 65))
    assert {len(value) for value in found.measurements.values()} == {48}


def test_the_debug_state_is_known_by_the_vendors_measurements_alone() -> None:
    found = check_gpu(EVIDENCE, CHAIN, NONCE, AT)
    golden = {index: found.measurements[index] for index in (1, 9, 64)}
    assert found.debug_is_off(golden)
    assert not found.debug_is_off({})
    assert not found.debug_is_off(golden | {9: bytes([255]) * 48})
    assert not found.debug_is_off(golden | {65: bytes(48)})


def test_no_bit_of_the_evidence_is_free() -> None:
    rng = random.Random(2)
    for _ in range(200):
        bit = rng.randrange(8 * len(EVIDENCE))
        changed = bytearray(EVIDENCE)
        changed[bit // 8] ^= 1 << bit % 8
        with pytest.raises(GpuSignatureError):
            check_gpu(bytes(changed), CHAIN, NONCE, AT)


@pytest.mark.parametrize("size", [0, 95, 96, 133, 4_000])
def test_evidence_cut_off_is_refused(size: int) -> None:
    with pytest.raises(GpuSignatureError):
        check_gpu(EVIDENCE[:size], CHAIN, NONCE, AT)


def test_another_nonce_is_refused() -> None:
    with pytest.raises(GpuNonceError):
        check_gpu(EVIDENCE, CHAIN, bytes(32), AT)


def test_a_chain_that_does_not_end_in_nvidias_root_is_refused() -> None:
    parts = [part + END for part in CHAIN.split(END) if part.strip()]
    broken = [
        b"",
        b"no certificate",
        b"".join(parts[:-1]),
        b"".join(parts[:1] + parts[2:]),
        b"".join(reversed(parts)),
        CHAIN + pem(AUTHORITY.root).encode(),
        pem(AUTHORITY.root).encode(),
    ]
    for chain in broken:
        with pytest.raises(GpuChainError):
            check_gpu(EVIDENCE, chain, NONCE, AT)


def test_a_chain_not_yet_valid_is_refused() -> None:
    with pytest.raises(GpuChainError):
        check_gpu(EVIDENCE, CHAIN, NONCE, 1_600_000_000)


def test_a_certificate_further_up_signs_no_evidence() -> None:
    parts = [part + END for part in CHAIN.split(END) if part.strip()]
    with pytest.raises(TeeError):
        check_gpu(EVIDENCE, b"".join(parts[1:]), NONCE, AT)


@pytest.mark.parametrize("change", [(0, 1), (1, 1), (37, 1), (38, 1), (42, 1), (-1, 0)])
def test_a_message_of_another_shape_is_refused(change: tuple[int, int]) -> None:
    """Only a device's own mistake gets so far: the signature is checked first."""
    at, by = change
    signed = bytearray(EVIDENCE[:-96])
    if by:
        signed[at] ^= by
    else:
        del signed[at]
    with pytest.raises(GpuEvidenceError):
        _split(bytes(signed))
