# SPDX-License-Identifier: Apache-2.0
"""What of Model Network runs off chain: operators, watchers, gateways and their tools."""

import os

# eth-hash takes the first backend that it finds, which is six times slower.
os.environ.setdefault("ETH_HASH_BACKEND", "pysha3")
