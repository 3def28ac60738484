# SPDX-License-Identifier: Apache-2.0
"""The servers, each started once: `make test` has MLServer, `make test-servers` all of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from benchmarks.serving.hosts import NOT_INSTALLED, Host, host, is_installed
from tests.engines.onnx_files import look_up

# Of one dimension in and out, which Triton's Python backend can't declare.
FLAT = {"toy": look_up()}


@pytest.fixture(
    scope="session",
    params=[
        "mlserver",
        pytest.param("kserve", marks=pytest.mark.slow),
        pytest.param("triton", marks=pytest.mark.slow),
    ],
)
def server(request: pytest.FixtureRequest, tmp_path_factory: Any) -> Iterator[Host]:
    kind = request.param
    if not is_installed(kind):
        pytest.skip(NOT_INSTALLED.format(kind=kind))
    with host(kind, tmp_path_factory.mktemp(kind), FLAT if kind != "triton" else None) as running:
        yield running
