# SPDX-License-Identifier: Apache-2.0
"""What was meant by a name that nobody has."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

_MOST_LISTED, _MOST_SHOWN = 8, 64


def told(what: str, name: str, known: Iterable[str]) -> str:
    """One line: that there is no ``what`` of the name, and which is near, or which there are."""
    names = sorted(known)
    near = difflib.get_close_matches(name[:_MOST_SHOWN], names, n=1)
    listed = ", ".join(names[:_MOST_LISTED])
    meant = f"did you mean {near[0]}?" if near else f"there is {listed or 'none'}"
    # JSON can name what UTF-8 can't write; the line has to be sent all the same.
    shown = name[:_MOST_SHOWN].encode("utf-8", "backslashreplace").decode()
    return f"no {what} {shown}: {meant}"
