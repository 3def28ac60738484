# SPDX-License-Identifier: Apache-2.0
"""Method `zkml`: circuits of ezkl, and their programs for the Halo2 verifier on chain."""
