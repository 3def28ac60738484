# SPDX-License-Identifier: Apache-2.0
"""A package, so that its market ends when its tests do."""
