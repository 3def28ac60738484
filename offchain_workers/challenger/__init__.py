# SPDX-License-Identifier: Apache-2.0
"""The challenger's daemon: it runs claims again and plays against those that are wrong."""

from __future__ import annotations

from offchain_workers.challenger.serve import serve
from offchain_workers.challenger.watcher import Watcher

__all__ = ["Watcher", "serve"]
