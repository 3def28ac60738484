# SPDX-License-Identifier: Apache-2.0
"""What is known of a quote once it is found genuine."""

from __future__ import annotations

from dataclasses import dataclass

from verifiers.teeml.collateral import QeIdentity, TcbInfo
from verifiers.teeml.levels import Standing
from verifiers.teeml.pck import Pck
from verifiers.teeml.quote import Quote


@dataclass(frozen=True)
class Appraisal:
    """A genuine quote: ``until`` is the last second for which its collateral holds, Unix."""

    quote: Quote
    pck: Pck
    standing: Standing
    tcb_info: TcbInfo
    qe_identity: QeIdentity
    until: int
