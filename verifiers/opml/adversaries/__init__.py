# SPDX-License-Identifier: Apache-2.0
"""Liars for demonstrations and tests: claimants, challengers and the method of a lying worker.

Nothing here runs off development chains.
"""
