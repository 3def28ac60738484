# SPDX-License-Identifier: Apache-2.0
"""What of Model Network runs off chain: operators, watchers, gateways and their tools."""
