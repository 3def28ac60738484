# SPDX-License-Identifier: Apache-2.0
"""An unmodified client of the protocol gets answers with receipts. `make test` has it, as a part of
MLServer's environment."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from benchmarks import ROOT
from benchmarks.serving.hosts import NOT_INSTALLED, is_installed
from offchain_workers.requester.receipts import Receipt, check, check_items
from tests.gateway.world import World

CLIENT = Path(__file__).with_name("oip_client.py")

pytestmark = pytest.mark.servers


@pytest.mark.skipif(not is_installed("mlserver"), reason=NOT_INSTALLED.format(kind="mlserver"))
def test_tritonclient_gets_answers_with_receipts(shared: World) -> None:
    url = shared.daemon.endpoint.removeprefix("http://")
    command = [ROOT / ".venv-mlserver/bin/python", CLIENT, url, json.dumps(shared.pixels(1))]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["metadata"]["inputs"] == [{"name": "pixels", "datatype": "FP32", "shape": [-1, 64]}]
    sample = shared.net.models["digits"][1].samples[1][1]
    for mode in ("json", "binary"):
        assert shared.card.labels[told[mode]["best"]] == shared.label(1)
        receipt = Receipt.parse(told[mode]["parameters"]["receipt"].encode())
        check_items(receipt, [sample])
        assert check(receipt, shared.net.pool, shared.net.network.marketplace).final
    assert told["error"].startswith("MN-CODEC-010")
