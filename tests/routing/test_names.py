# SPDX-License-Identifier: Apache-2.0
"""A typing error in a wish is told as one, with what was meant."""

from __future__ import annotations

import pytest

from offchain_workers.routing.errors import NothingFitsError
from offchain_workers.routing.names import check_names
from tests.routing.markets import four_methods, wish

TYPOS = [
    ({"task": "digit"}, "no model for task digit: did you mean digits?"),
    ({"task": "translation"}, "no model for task translation: there is digits"),
    ({"methods": ("zkmll",)}, "no method zkmll: did you mean zkml?"),
    ({"methods": ("none", "magic")}, "no method magic: there is none, opml, teeml, zkml"),
]


@pytest.mark.parametrize(("limits", "line"), TYPOS)
def test_a_name_that_nobody_has_is_told_with_what_is_near(
    limits: dict[str, object], line: str
) -> None:
    with pytest.raises(NothingFitsError) as told:
        check_names(wish(**limits), four_methods())  # type: ignore[arg-type]
    assert told.value.code == "MN-ROUTE-011"
    assert told.value.message.endswith(line)


def test_names_that_the_market_has_pass() -> None:
    check_names(wish(methods=("none", "zkml")), four_methods())
