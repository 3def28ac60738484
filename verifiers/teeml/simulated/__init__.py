# SPDX-License-Identifier: Apache-2.0
"""A platform in software: quotes and collateral of any shape, under a root that says SIMULATED."""

from verifiers.teeml.simulated.authority import Authority
from verifiers.teeml.simulated.bodies import enclave_report, td_report
from verifiers.teeml.simulated.collateral import Component, Level, Module, qe_identity, tcb_info
from verifiers.teeml.simulated.platform import Platform, QuotingEnclave

__all__ = [
    "Authority",
    "Component",
    "Level",
    "Module",
    "Platform",
    "QuotingEnclave",
    "enclave_report",
    "qe_identity",
    "tcb_info",
    "td_report",
]
