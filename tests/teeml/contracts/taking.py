# SPDX-License-Identifier: Apache-2.0
"""How what a key rests on is taken from it, by Intel or by the policy's guardian."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from tests.contracts.parts import by
from tests.teeml.contracts.market import Market
from tests.teeml.contracts.simulation import parsed
from verifiers.teeml.onchain import steps


def platform_of(tee: Market, key: str) -> bytes:
    return bytes(tee.plugin.key_of(tee.policy.policy_id, key).platform)


def remove_measurement(tee: Market, key: str) -> None:
    with by("guardian"):
        tee.plugin.remove_measurement(tee.policy.policy_id, 0)


def remove_platform(tee: Market, key: str) -> None:
    with by("guardian"):
        tee.plugin.remove_platform(tee.policy.policy_id, platform_of(tee, key))


def raise_evaluation(tee: Market, key: str) -> None:
    evaluation = tee.plugin.key_of(tee.policy.policy_id, key).evaluation
    with by("guardian"):
        tee.plugin.raise_evaluation(tee.policy.policy_id, evaluation + 1)


def revoke_certificate(tee: Market, key: str) -> None:
    """The PCK CA's next list names the platform's certificate."""
    lists(tee, revoked=[tee.platform.pck.serial_number])


def revoke_authority(tee: Market, key: str) -> None:
    """The root's next list names the CA."""
    lists(tee, root_revoked=[tee.platform.ca_certificate.serial_number])


def lists(tee: Market, **revoked: list[int]) -> None:
    """The revocation lists of the next hour."""
    tee.world.warp(max(tee.world.now, tee.platform.issued + 7_200))
    later = replace(tee.platform, issued=tee.world.now)
    changed = ["root_revoked"] if "root_revoked" in revoked else ["root", "revoked"]
    for step in steps(parsed(later.collateral(**revoked))):
        is_root = step.args[0] == bytes(20)
        if step.function == "update_crl" and (is_root or "revoked" in changed):
            tee.collateral.update_crl(*step.args)


TAKEN: dict[str, tuple[Callable[[Market, str], None], int]] = {
    "certificate": (revoke_certificate, 1),
    "authority": (revoke_authority, 2),
    "measurement": (remove_measurement, 3),
    "platform": (remove_platform, 4),
    "evaluation": (raise_evaluation, 5),
}
BY_GUARDIAN = ("measurement", "platform", "evaluation")
