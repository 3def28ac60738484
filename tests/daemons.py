# SPDX-License-Identifier: Apache-2.0
"""Daemons in threads of this process."""

from __future__ import annotations

import threading

from offchain_workers.daemon.life import Daemon

# A machine may be busy; who waits so long has failed.
PATIENCE = 120.0


class Background:
    """A daemon in a thread; ``error`` is what ended it, if it did not end as it should."""

    def __init__(self, daemon: Daemon) -> None:
        self.error: Exception | None = None
        self._daemon = daemon
        self._thread = threading.Thread(target=self._run, name="daemon", daemon=True)

    def start(self) -> None:
        """Returns when the daemon is ready."""
        self._thread.start()
        assert self._daemon.wait_ready(PATIENCE), self.error

    def stop(self) -> None:
        """Gracefully; raises when it does not end."""
        self._daemon.stop()
        self.join()

    def abandon(self) -> None:
        """As if it had crashed."""
        self._daemon.abandon()
        self.join()

    def join(self) -> None:
        self._thread.join(PATIENCE)
        assert not self._thread.is_alive(), "the daemon did not stop"
        assert self.error is None, self.error

    def _run(self) -> None:
        try:
            self._daemon.run()
        except Exception as error:  # whatever it is: the test's thread tells
            self.error = error
