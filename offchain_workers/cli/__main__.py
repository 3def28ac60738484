# SPDX-License-Identifier: Apache-2.0
"""`python -m offchain_workers.cli` is `fusion`."""

from __future__ import annotations

from offchain_workers.cli import main

if __name__ == "__main__":
    main()
