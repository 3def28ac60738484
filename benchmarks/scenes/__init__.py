# SPDX-License-Identifier: Apache-2.0
"""Each scene is played on a chain of its own: a new row leaves the others as they are."""

from __future__ import annotations

from collections.abc import Callable

from benchmarks.pinned import PinnedChain
from benchmarks.scenes import (
    deliveries,
    deploys,
    enclaves,
    formation,
    funds,
    opml,
    posts,
    refunds,
    registry,
    teeml,
    tokens,
    toy,
    zkml,
)
from benchmarks.table import Recorder

Scene = Callable[[PinnedChain, Recorder], None]

# In the order of the table.
SCENES: tuple[Scene, ...] = (
    posts.posts,
    posts.accepted_posts,
    posts.posts_from_balance,
    deliveries.deliveries,
    deliveries.owed_deliveries,
    deliveries.callbacks,
    refunds.refunds,
    refunds.owed_refunds,
    tokens.tokens,
    funds.funds,
    toy.proofs,
    toy.claims,
    toy.refutations,
    opml.happy_path,
    opml.batched,
    opml.stream,
    opml.disputes,
    zkml.deliveries,
    zkml.committed,
    teeml.quotes,
    teeml.refreshes,
    enclaves.paid_at_once,
    enclaves.quoted,
    enclaves.held,
    registry.models,
    registry.operators,
    registry.first_offer,
    registry.full_book,
    formation.requests,
    formation.three_of_8,
    formation.three_of_32,
    formation.eight_of_96,
    deploys.deploys,
)
