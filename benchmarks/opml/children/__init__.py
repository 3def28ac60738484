# SPDX-License-Identifier: Apache-2.0
"""What runs in processes of its own, for its time and its memory: `python -m ... FOLDER`."""
