# SPDX-License-Identifier: Apache-2.0
"""The balancer against power of two choices, on real processes."""
