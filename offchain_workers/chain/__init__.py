# SPDX-License-Identifier: Apache-2.0
"""The chain as every daemon sees it: RPC pool, block follower, transactions, one database."""
