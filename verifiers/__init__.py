# SPDX-License-Identifier: Apache-2.0
"""Off-chain side of each verification method: build artifacts, prove, check locally."""
