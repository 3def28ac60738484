# SPDX-License-Identifier: Apache-2.0
"""What the server tells its clients, with the HTTP status of each."""

from __future__ import annotations

from offchain_workers.engines.errors import (
    BusyError,
    EngineClosedError,
    EngineError,
    RunFailedError,
    SignatureError,
)
from offchain_workers.errors import FusionError
from offchain_workers.oip import OipFormatError

_STATUS: dict[type[FusionError], int] = {
    OipFormatError: 400,
    SignatureError: 400,
    RunFailedError: 422,
    BusyError: 503,
    EngineClosedError: 503,
}


class ModelNotHereError(EngineError):
    """A model that this server does not serve."""

    CODE = "MN-ENGINE-013"


class BodyTooLargeError(EngineError):
    """A body over what the model's card allows."""

    CODE = "MN-ENGINE-014"


class ModelSickError(EngineError):
    """The model fails on plain input too: the machine is at fault, not the request."""

    CODE = "MN-ENGINE-015"


class AddressInUseError(EngineError):
    """The server can't listen where it was told to."""

    CODE = "MN-ENGINE-022"


class ClusterError(EngineError):
    """Ray does not start, or a model does not come up on it."""

    CODE = "MN-ENGINE-023"


_STATUS |= {ModelNotHereError: 404, BodyTooLargeError: 413, ModelSickError: 503}


def status_of(error: FusionError) -> int:
    """The HTTP status of an error; 500 for one that is no client's business."""
    return _STATUS.get(type(error), 500)
