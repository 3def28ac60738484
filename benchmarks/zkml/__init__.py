# SPDX-License-Identifier: Apache-2.0
"""Method `zkml`: circuits that ezkl makes here, and our verifier beside the ones it emits."""
