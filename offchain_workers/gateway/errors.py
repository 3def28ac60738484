# SPDX-License-Identifier: Apache-2.0
"""What the gateway says no to. Each code has a row in docs/errors.md."""

from __future__ import annotations

from http import HTTPStatus
from typing import ClassVar

from offchain_workers.errors import FusionError


class GateError(FusionError):
    """Base: a subclass fixes code and HTTP status. ``retry_after``: seconds, None: don't."""

    CODE: ClassVar[str]
    STATUS: ClassVar[HTTPStatus]

    def __init__(self, message: str, retry_after: float | None = None) -> None:
        super().__init__(self.CODE, message)
        self.retry_after = retry_after


class RequestUnreadableError(GateError):
    """Not what the route takes."""

    CODE, STATUS = "MN-GATE-001", HTTPStatus.BAD_REQUEST


class NoRouteError(GateError):
    """No such path, or not with this method."""

    CODE, STATUS = "MN-GATE-002", HTTPStatus.NOT_FOUND


class BodyTooLargeError(GateError):
    """More bytes than the route takes."""

    CODE, STATUS = "MN-GATE-003", HTTPStatus.REQUEST_ENTITY_TOO_LARGE


class KeyWrongError(GateError):
    """No such API key, or a revoked one."""

    CODE, STATUS = "MN-GATE-004", HTTPStatus.UNAUTHORIZED


class KeyMissingError(GateError):
    """The route spends or stores, which takes an API key."""

    CODE, STATUS = "MN-GATE-005", HTTPStatus.UNAUTHORIZED


class SpendCapError(GateError):
    """The caller's hour, or the gateway's, has no money left."""

    CODE, STATUS = "MN-GATE-007", HTTPStatus.TOO_MANY_REQUESTS


class TooManyInFlightError(GateError):
    """The caller has too many unanswered items."""

    CODE, STATUS = "MN-GATE-008", HTTPStatus.TOO_MANY_REQUESTS


class BalanceLowError(GateError):
    """The gateway's own balance in the market does not cover the job."""

    CODE, STATUS = "MN-GATE-009", HTTPStatus.SERVICE_UNAVAILABLE


class BusyError(GateError):
    """Too many jobs are being prepared."""

    CODE, STATUS = "MN-GATE-010", HTTPStatus.SERVICE_UNAVAILABLE


class IdempotencyReusedError(GateError):
    """The same key with another request."""

    CODE, STATUS = "MN-GATE-011", HTTPStatus.CONFLICT


class JobUnseenError(GateError):
    """Neither the gateway nor the market knows the job."""

    CODE, STATUS = "MN-GATE-012", HTTPStatus.NOT_FOUND


class MisfitError(GateError):
    """The inputs are not what the model takes, or more than one job takes."""

    CODE, STATUS = "MN-GATE-013", HTTPStatus.UNPROCESSABLE_ENTITY


class NoLiveSubnetError(GateError):
    """None fits, and the gateway forms none for this caller."""

    CODE, STATUS = "MN-GATE-014", HTTPStatus.CONFLICT


class AnswerLateError(GateError):
    """The job goes on; the caller waited long enough."""

    CODE, STATUS = "MN-GATE-015", HTTPStatus.GATEWAY_TIMEOUT


class JobFailedError(GateError):
    """The job came to nothing: it was never posted, or closed without an answer."""

    CODE, STATUS = "MN-GATE-016", HTTPStatus.BAD_GATEWAY


class NotReadyError(GateError):
    """Still catching up with the chain, or stopping."""

    CODE, STATUS = "MN-GATE-017", HTTPStatus.SERVICE_UNAVAILABLE


class KeysFileError(GateError):
    """The file of API keys can't be used."""

    CODE, STATUS = "MN-GATE-018", HTTPStatus.SERVICE_UNAVAILABLE


class ChainNonsenseError(GateError):
    """An RPC endpoint answered what can't be read."""

    CODE, STATUS = "MN-GATE-019", HTTPStatus.SERVICE_UNAVAILABLE


class TooManyStreamsError(GateError):
    """All event streams are taken."""

    CODE, STATUS = "MN-GATE-020", HTTPStatus.TOO_MANY_REQUESTS


class UploadCapError(GateError):
    """The caller's bytes of this hour are used up."""

    CODE, STATUS = "MN-GATE-021", HTTPStatus.TOO_MANY_REQUESTS


class RelayHomelessError(GateError):
    """The relay's URL, which workers sign, can't be told from the settings."""

    CODE, STATUS = "MN-GATE-023", HTTPStatus.SERVICE_UNAVAILABLE


class UnexpectedError(GateError):
    """Something that the gateway does not expect."""

    CODE, STATUS = "MN-GATE-500", HTTPStatus.INTERNAL_SERVER_ERROR
