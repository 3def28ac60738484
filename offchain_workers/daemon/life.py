# SPDX-License-Identifier: Apache-2.0
"""The life of a daemon: an endpoint, and one loop that takes turns until it is told to stop."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from typing import ClassVar, Protocol

import structlog

from offchain_workers.chain.errors import (
    ContractMissingError,
    DeepReorgError,
    WrongChainError,
    WrongDatabaseError,
)
from offchain_workers.chain.follower import BlockFollower
from offchain_workers.config import Settings
from offchain_workers.daemon.errors import NONSENSE
from offchain_workers.errors import FusionError

log = structlog.get_logger(__name__)

_FATAL = (WrongChainError, WrongDatabaseError)


class Reached(Protocol):
    """How others reach a daemon."""

    @property
    def url(self) -> str: ...

    def start(self) -> None: ...

    def stop(self) -> None: ...


class Daemon(ABC):
    """``run`` blocks; ``stop`` may be called from anywhere.

    A subclass sets ``_endpoint`` and ``_follower`` when it is made.
    """

    # Before the first finished turn a missing contract is a wrong address; later it is a node
    # that lost its state.
    _missing_is_final: ClassVar[bool] = True
    _endpoint: Reached
    _follower: BlockFollower

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._stopping = threading.Event()
        self._abandoned = threading.Event()
        self._ready = threading.Event()
        self._trouble = ""  # the code of the error that lasts

    @property
    def url(self) -> str:
        """Where the endpoint is reached, once it runs."""
        return self._endpoint.url

    @property
    def stopping(self) -> bool:
        return self._stopping.is_set()

    def run(self) -> None:
        """Work until stopped. Raises FusionError when nothing can go on."""
        try:
            self._endpoint.start()
            self._begin()
            while not self._abandoned.is_set() and not self._finished():
                self._turn()
                self._follower.wait(self._settings.chain.poll_seconds)
        finally:
            self._endpoint.stop()
            self._close()

    def stop(self) -> None:
        """Take nothing new, finish what ``_finished`` waits for, then let ``run`` return."""
        self._stopping.set()
        self._follower.wake.set()

    def abandon(self) -> None:
        """Let ``run`` return at once, as after a crash; the next start goes on from the rows."""
        self._abandoned.set()
        self.stop()

    def wait_ready(self, seconds: float) -> bool:
        """Until the first turn is finished: the chain is caught up."""
        return self._ready.wait(seconds)

    def _is_ready(self) -> bool:
        return self._ready.is_set() and not self._stopping.is_set()

    def _turn(self) -> None:
        """Whatever passes is waited out; what can't pass ends the daemon."""
        try:
            self._tick()
            self._ready.set()
            self._is_well()
        except DeepReorgError as error:
            log.error("deep reorganisation: going back", code=error.code, reason=error.message)
            self._resync()
        except _FATAL:
            raise
        except FusionError as error:
            early = self._missing_is_final and not self._ready.is_set()
            if early and isinstance(error, ContractMissingError):
                raise
            self._passed(error)
        except NONSENSE as error:
            self._passed(FusionError("MN-CHAIN-006", str(error)))

    def _passed(self, error: FusionError) -> None:
        if self._gives_up():
            raise error
        self._count(error.code)
        # An error that lasts is said once, not at every turn.
        tell = log.debug if error.code == self._trouble else log.error
        tell("going on after an error", code=error.code, reason=error.message)
        self._trouble = error.code

    def _is_well(self) -> None:
        if self._trouble:
            log.info("the error has passed", code=self._trouble)
            self._trouble = ""

    def _gives_up(self) -> bool:
        """Whether the error of this turn ends the daemon, though it may pass."""
        return False

    @abstractmethod
    def _begin(self) -> None:
        """Once, when the endpoint listens."""

    @abstractmethod
    def _tick(self) -> None:
        """One turn: follow the chain, decide, send. Raises FusionError."""

    @abstractmethod
    def _resync(self) -> None:
        """Go back to a block that the chain still has, after a deep reorganisation."""

    @abstractmethod
    def _finished(self) -> bool:
        """Whether nothing is left to do: asked before each turn."""

    @abstractmethod
    def _close(self) -> None:
        """Let go of everything; the endpoint is closed."""

    @abstractmethod
    def _count(self, code: str) -> None:
        """Count an error that the daemon goes on after."""
