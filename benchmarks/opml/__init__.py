# SPDX-License-Identifier: Apache-2.0
"""Method `opml`: games played for their gas, at every size, and the speed of its lowerings."""
