# SPDX-License-Identifier: Apache-2.0
"""What `make bench` measures; README.md says what each figure is."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FOLDER = Path(__file__).resolve().parent
GAS_FILE = FOLDER / "gas.json"
THROUGHPUT_FILE = FOLDER / "throughput.json"
DISPUTES_FILE = FOLDER / "disputes.json"
SPEED_FILE = FOLDER / "opml-speed.json"
SCALING_FILE = FOLDER / "opml-scaling.json"
ZKML_FILE = FOLDER / "zkml-gas.json"
SERVING_FILE = FOLDER / "serving.json"
SCALING_PAGE = ROOT / "docs" / "opml-gas.md"
README_FILE = FOLDER / "README.md"
