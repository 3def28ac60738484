# SPDX-License-Identifier: Apache-2.0
"""The checks of `fusion doctor`: each finds out one thing and says it on one line."""
