# SPDX-License-Identifier: Apache-2.0
"""Machines of others, leased by the hour: found, paid for, reached, and given back."""
