# SPDX-License-Identifier: Apache-2.0
"""Method ``teeml``: attestations of trusted hardware, checked here the way the contracts check."""
