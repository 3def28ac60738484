# SPDX-License-Identifier: Apache-2.0
"""Everything of Model Network that runs off chain: operators, watchers, gateways and their tools."""
