# SPDX-License-Identifier: Apache-2.0
"""Whether an OIP server answers that it is ready."""

from __future__ import annotations

from collections.abc import Callable

import httpx

Ready = Callable[[str], bool]

_SECONDS = 5.0


def is_ready(url: str) -> bool:
    """GET /v2/health/ready; follows no redirect, uses no proxy of the environment."""
    try:
        answer = httpx.get(f"{url}/v2/health/ready", timeout=_SECONDS, trust_env=False)
    except (httpx.HTTPError, httpx.InvalidURL):
        return False
    return answer.status_code == 200
