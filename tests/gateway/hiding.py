# SPDX-License-Identifier: Apache-2.0
"""Run as a script this is `fusion`, but its router never shows the best offer."""

from __future__ import annotations

from dataclasses import replace

from offchain_workers.cli import main
from offchain_workers.gateway import planner
from offchain_workers.routing import planning
from offchain_workers.routing.market import Market
from offchain_workers.routing.record import DecisionRecord
from offchain_workers.routing.request import RouteRequest


def plan(request: RouteRequest, market: Market) -> DecisionRecord:
    """Made by the rules, of a market without the offer that should have come first."""
    honest = planning.plan(request, market)
    if honest.choice is None:
        return honest
    best = honest.offers[honest.chosen.best[0]].operator
    return planning.plan(
        request, replace(market, offers=[o for o in market.offers if o.operator != best])
    )


if __name__ == "__main__":
    planner.plan = plan  # type: ignore[attr-defined]
    main()
