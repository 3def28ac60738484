# SPDX-License-Identifier: Apache-2.0
"""What can go wrong between us and a server, told apart by whose fault it is.

Every server answers bad input with HTTP 500 in some version, so a status alone proves nothing:
input is checked against the card before it is sent, and only what ``EndpointError`` covers may
count against the server.
"""

from __future__ import annotations

from typing import Literal

from offchain_workers.engines.errors import EngineError, RunFailedError

Fault = Literal["connect", "timeout", "reset"]


class EndpointError(EngineError):
    """The server or the way to it is at fault; another server may answer."""


class EndpointUnreachableError(EndpointError):
    """No connection, no answer in time, or the connection broke: ``fault`` says which."""

    CODE = "MN-ENGINE-016"

    def __init__(self, fault: Fault, message: str) -> None:
        super().__init__(message)
        self.fault = fault


class EndpointUnavailableError(EndpointError):
    """The server says that it can't serve now, or not us."""

    CODE = "MN-ENGINE-017"


class EndpointRefusedError(RunFailedError):
    """The server refused or failed on an input that fits the card: perhaps the input's fault."""

    CODE = "MN-ENGINE-018"


class ModelNotServedError(EndpointError):
    """The server knows no such model, or has not loaded it."""

    CODE = "MN-ENGINE-019"


class AnswerInvalidError(EndpointError):
    """The answer is not what the model's card says, or not the protocol's."""

    CODE = "MN-ENGINE-020"


class NoEndpointError(EngineError):
    """The engine was given no server."""

    CODE = "MN-ENGINE-021"
