# SPDX-License-Identifier: Apache-2.0
"""What `make bench` measures; README.md says what each figure is."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FOLDER = Path(__file__).resolve().parent
GAS_FILE = FOLDER / "gas.json"
LATENCY_FILE = FOLDER / "latency.json"
THROUGHPUT_FILE = FOLDER / "throughput.json"
DISPUTES_FILE = FOLDER / "disputes.json"
SPEED_FILE = FOLDER / "opml-speed.json"
SCALING_FILE = FOLDER / "opml-scaling.json"
ZKML_FILE = FOLDER / "zkml-gas.json"
BALANCING_FILE = FOLDER / "balancing.json"
SERVING_FILE = FOLDER / "serving.json"
RAY_FILE = FOLDER / "ray.json"
CARRIED_FILE = ROOT / "offchain_workers" / "routing" / "data" / "carried.json"
ROUTING_FILE = FOLDER / "routing.json"
ZKML_SPEED_FILE = FOLDER / "zkml-speed.json"
SCALING_PAGE = ROOT / "docs" / "opml-gas.md"
BALANCING_PAGE = ROOT / "docs" / "balancing.md"
PLOTS = FOLDER / "plots"
README_FILE = FOLDER / "README.md"
