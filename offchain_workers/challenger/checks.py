# SPDX-License-Identifier: Apache-2.0
"""A verdict on each standing claim: run again in threads, the most urgent first."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass

import structlog
from web3.exceptions import Web3Exception

from offchain_workers.chain.errors import ChainError
from offchain_workers.challenger.check import Checker
from offchain_workers.challenger.docket import Claimed, Docket
from offchain_workers.challenger.metrics import Metrics
from offchain_workers.challenger.reasons import LeftError, Reason
from offchain_workers.challenger.tell import Tell
from offchain_workers.daemon.tasks import Tasks
from offchain_workers.errors import FusionError

log = structlog.get_logger(__name__)

_AGAIN_SECONDS = 5.0


@dataclass(frozen=True)
class Verdict:
    """``right`` None: nobody knows, because of ``left``; ``again``: monotonic time to look anew."""

    right: bool | None
    left: LeftError | None = None
    again: float | None = None


class Checks:
    """Verdicts live in memory: after a restart what still stands is run again."""

    def __init__(
        self,
        docket: Docket,
        checker: Checker,
        metrics: Metrics,
        tell: Tell,
        threads: int,
        on_done: Callable[[], None],
    ) -> None:
        self._docket = docket
        self._checker = checker
        self._metrics = metrics
        self._tell = tell
        self._tasks: Tasks[bool] = Tasks("check", threads, on_done)
        self._verdicts: dict[bytes, Verdict] = {}

    def run(self) -> None:
        """Take what came back, forget claims that are gone, begin what is due."""
        for key, future in self._tasks.finished():
            self._take(key, future)
        claims = self._docket.claims
        self._verdicts = {key: v for key, v in self._verdicts.items() if key in claims}
        for claim in self._docket.standing:
            if claim.ended:
                self.leave(claim, LeftError(Reason.GAME_LOST))
            if self._tasks.free and self._is_due(claim):
                self._tasks.start(claim.id, self._task(claim))

    @property
    def wrong(self) -> list[Claimed]:
        """Standing claims that we hold for wrong, without a game of ours."""
        verdicts = self._verdicts
        known = [claim for claim in self._docket.standing if claim.id in verdicts]
        return [c for c in known if verdicts[c.id].right is False and not (c.playing or c.ended)]

    @property
    def busy(self) -> int:
        return self._tasks.busy

    @property
    def waits(self) -> bool:
        """Whether some standing claim was not looked at yet."""
        return any(
            claim.id not in self._verdicts and not claim.playing for claim in self._docket.standing
        )

    def leave(self, claim: Claimed, left: LeftError) -> None:
        """Say, once, why nothing is done about a claim."""
        before = self._verdicts.get(claim.id)
        if before and before.left and before.left.code == left.code:
            return
        right = before.right if before else None
        again = before.again if before else None
        self._verdicts[claim.id] = Verdict(right, left, again)
        self._report(claim, left)

    def close(self) -> None:
        self._tasks.close()

    def _is_due(self, claim: Claimed) -> bool:
        if claim.playing or claim.ended or self._tasks.has(claim.id):
            return False
        verdict = self._verdicts.get(claim.id)
        if verdict is None:
            return True
        return verdict.again is not None and time.monotonic() >= verdict.again

    def _task(self, claim: Claimed) -> Callable[[], bool]:
        return lambda: self._checker.is_right(claim)

    def _take(self, key: bytes, future: Future[bool]) -> None:
        claim = self._docket.claims.get(key)
        if claim is None:
            return  # it was decided, or reorganised away, while we looked
        try:
            right = future.result()
        except LeftError as left:
            self._put_off(claim, left)
        except (ChainError, Web3Exception) as error:
            self._put_off(claim, LeftError(Reason.CHAIN_UNREACHABLE, str(error)))
        except Exception as error:  # whoever makes a claim or model must not stop the watch
            why = str(error) if isinstance(error, FusionError) else repr(error)
            self._put_off(claim, LeftError(Reason.RUN_FAILED, why))
        else:
            self._verdicts[key] = Verdict(right)
            self._metrics.checked.labels(verdict="right" if right else "wrong").inc()
            what = "right" if right else "wrong"
            self._tell(what, job=claim.job_id, operator=claim.operator, final_at=claim.final_at)

    def _put_off(self, claim: Claimed, left: LeftError) -> None:
        before = self._verdicts.get(claim.id)
        again = None if left.reason.final else time.monotonic() + _AGAIN_SECONDS
        self._verdicts[claim.id] = Verdict(None, left, again)
        if before is None or before.left is None or before.left.code != left.code:
            self._report(claim, left)

    def _report(self, claim: Claimed, left: LeftError) -> None:
        self._metrics.left.labels(code=left.code).inc()
        self._tell("left", job=claim.job_id, code=left.code, reason=left.message)
