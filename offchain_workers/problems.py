# SPDX-License-Identifier: Apache-2.0
"""What is wrong with a document or a value, from pydantic's words to one line of ours."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pydantic import ValidationError


def plain(message: str) -> str:
    """What pydantic says of a value, without its word for our own checks."""
    return message.removeprefix("Value error, ")


def first_problem(error: ValidationError, whole: str) -> str:
    """Where the first problem is, what it is, and how many more there are.

    ``whole``: what the document is called where the problem is no field's.
    """
    problem = error.errors(include_url=False, include_input=False)[0]
    where = ".".join(str(part) for part in problem["loc"]) or whole
    more = f" (and {error.error_count() - 1} more)" if error.error_count() > 1 else ""
    return f"{where}: {plain(problem['msg'])}{more}"
