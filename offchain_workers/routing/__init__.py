# SPDX-License-Identifier: Apache-2.0
"""Which model, which subnet, which member: the router, the replay of subnet draws, the balancer."""
