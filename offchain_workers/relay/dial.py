# SPDX-License-Identifier: Apache-2.0
"""A worker's way out: it dials its relay, and answers there instead of on a socket of its own."""

from __future__ import annotations

import asyncio
import json
import random
import threading
import time
from dataclasses import dataclass
from typing import Any

import structlog
from eth_account.signers.local import LocalAccount
from starlette.types import ASGIApp
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidURI

from offchain_workers.relay.auth import MAX_LOGIN, Place
from offchain_workers.relay.errors import LoginRefusedError, ProtocolError, StreamBrokenError
from offchain_workers.relay.frames import MAX_FRAME
from offchain_workers.relay.node import Answering
from offchain_workers.relay.server import REPLACED
from offchain_workers.relay.stream import Send

log = structlog.get_logger(__name__)

# For answers that are being given when the worker stops.
_DRAIN_SECONDS = 5.0


@dataclass(frozen=True)
class Redial:
    """Seconds. ``first`` doubles with each failure up to ``most``, each drawn between half and all
    of it, so that a relay that comes back is not met by everybody at once."""

    first: float = 0.5
    most: float = 60.0
    login: float = 10.0
    beat: float = 15.0
    silence: float = 45.0

    def pause(self, failures: int) -> float:
        longest = min(self.most, self.first * 2.0 ** min(failures, 32))
        return longest * random.uniform(0.5, 1.0)


class RelayEndpoint:
    """Stands in for a listening endpoint: from ``start`` to ``stop``, ``app`` answers at ``url``.

    ``place``: the relay's URL as its own configuration says it, and the chain. Never raises: a
    relay that is away, or refuses, is tried again until ``stop``, and the log says so.
    ``most``: requests answered at a time.
    """

    def __init__(
        self,
        app: ASGIApp,
        place: Place,
        account: LocalAccount,
        redial: Redial | None = None,
        most: int = 64,
    ) -> None:
        self._app = app
        self._place = place
        self._account = account
        self._redial = redial or Redial()
        self._most = most
        self._connected = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._stopping = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name="relay", daemon=True)

    @property
    def url(self) -> str:
        """Where others reach the worker."""
        return node_url(self._place.url, self._account.address)

    @property
    def connected(self) -> bool:
        return self._connected.is_set()

    def start(self) -> None:
        """Begin to dial."""
        self._thread.start()

    def stop(self) -> None:
        """Hang up and wait for the thread."""
        if not self._thread.is_alive():
            self._loop.close()
            return
        self._loop.call_soon_threadsafe(self._stopping.set)
        self._thread.join()

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._keep_dialling())

    async def _keep_dialling(self) -> None:
        failures = 0
        while not self._stopping.is_set():
            began = time.monotonic()
            reason, wait_long = await self._once()
            self._connected.clear()
            steady = time.monotonic() - began > self._redial.silence
            failures = 32 if wait_long else 0 if steady else failures + 1
            if self._stopping.is_set():
                return
            pause = self._redial.pause(failures)
            log.warning("not on the relay", relay=self._place.url, reason=reason, again_in=pause)
            await self._rest(pause)

    async def _rest(self, seconds: float) -> None:
        try:
            await asyncio.wait_for(self._stopping.wait(), seconds)
        except TimeoutError:
            return

    async def _once(self) -> tuple[str, bool]:
        """One connection from beginning to end: why it ended; whether to be in no hurry."""
        try:
            async with connect(
                f"ws{self._place.url.removeprefix('http')}/dial",
                max_size=MAX_FRAME,
                compression=None,
                proxy=None,
                ping_interval=None,
                open_timeout=self._redial.login,
                close_timeout=5,
                logger=None,
            ) as socket:
                async with asyncio.timeout(self._redial.login):
                    await self._log_in(socket)
                return await self._serve(socket)
        except LoginRefusedError as error:
            return str(error), True
        except ProtocolError as error:
            return str(error), True
        except ConnectionClosed as closed:
            return _why(closed)
        except (OSError, TimeoutError, UnicodeError, InvalidHandshake, InvalidURI) as error:
            return repr(error), False

    async def _log_in(self, socket: ClientConnection) -> None:
        """Raises LoginRefusedError, ConnectionClosed."""
        challenge = await socket.recv()
        if not isinstance(challenge, str) or len(challenge) > MAX_LOGIN:
            raise LoginRefusedError("MN-RELAY-021", "the relay does not speak our protocol")
        await socket.send(self._place.answer(challenge, self._account))
        try:
            answer = json.loads(await socket.recv())
            refusal = None if answer.get("ok") is True else answer["error"]["message"]
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            line = "the relay's answer to the login can't be read"
            raise LoginRefusedError("MN-RELAY-021", line) from error
        if refusal is not None:
            raise LoginRefusedError("MN-RELAY-022", f"the relay refuses: {str(refusal)[:200]}")

    async def _serve(self, socket: ClientConnection) -> tuple[str, bool]:
        host = self._place.url.partition("://")[2].partition("/")[0]
        answering = Answering(self._app, _sender(socket), host, self._most)
        log.info("on the relay", relay=self._place.url, url=self.url)
        self._connected.set()
        reader = asyncio.create_task(_read(socket, answering))
        beat = asyncio.create_task(answering.link.beat(self._redial.beat, self._redial.silence))
        stop = asyncio.create_task(self._stopping.wait())
        try:
            waiting: set[asyncio.Task[Any]] = {reader, beat, stop}
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            if stop.done():
                await answering.drain(_DRAIN_SECONDS)
        finally:
            for task in (reader, beat, stop):
                task.cancel()
            await asyncio.wait({reader, beat, stop})
            await answering.close()
        if reader.cancelled():
            return "stopped" if self._stopping.is_set() else "the relay fell silent", False
        return reader.result()


def node_url(relay: str, operator: str) -> str:
    """Where the relay at this URL serves an operator's worker."""
    return f"{relay}/nodes/{operator}"


def _sender(socket: ClientConnection) -> Send:
    async def send(message: bytes) -> None:
        try:
            await socket.send(message)
        except ConnectionClosed as error:
            raise StreamBrokenError("the connection to the relay ended") from error

    return send


async def _read(socket: ClientConnection, answering: Answering) -> tuple[str, bool]:
    """Feeds the link. Raises ProtocolError."""
    try:
        async for message in socket:
            answering.link.feed(message.encode() if isinstance(message, str) else message)
    except ConnectionClosed as closed:
        return _why(closed)
    return "the relay hung up", False


def _why(closed: ConnectionClosed) -> tuple[str, bool]:
    """Two workers with one key would throw each other out for ever: the one replaced waits."""
    code = closed.rcvd.code if closed.rcvd is not None else None
    if code == REPLACED:
        return "another worker connected with this key", True
    return f"the connection ended: {closed}", False
