# SPDX-License-Identifier: AGPL-3.0-only
# pragma version ~=0.4.3
"""
@title States of a job, and the verbs of a delivery
@license AGPL-3.0-only
@author Model Network
@notice A plug-in delivers with the state that the answer leads to: PENDING or PAID; with FINAL, which is no state, a
        pending claim becomes PAID.
"""

OPEN: constant(uint256) = 1
PENDING: constant(uint256) = 2
PAID: constant(uint256) = 3
REFUNDED: constant(uint256) = 4
FINAL: constant(uint256) = 5
