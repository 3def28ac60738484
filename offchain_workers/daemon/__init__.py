# SPDX-License-Identifier: Apache-2.0
"""What the daemons of operators and challengers share; neither package imports the other."""
