# SPDX-License-Identifier: Apache-2.0
"""Every event of a subnet registry on titanoboa, decoded as the daemons decode them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import boa
import pytest
from boa.contracts.vyper.vyper_contract import VyperContract

from offchain_workers.chain.events import Decoder, Event
from offchain_workers.chain.logs import Log


class Recorder:
    """Collects a registry's events, in log order, while `running`."""

    def __init__(self, registry: VyperContract) -> None:
        self.registry = registry
        self.events: list[Event] = []
        self._decoder = Decoder({str(registry.address): registry.abi})

    @contextmanager
    def running(self) -> Iterator[list[Event]]:
        plain = boa.env.execute_code

        def execute(*args: Any, **kwargs: Any) -> Any:
            computation = plain(*args, **kwargs)
            if not computation.is_error:
                self._note(sorted(computation.get_raw_log_entries()))
            return computation

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(boa.env, "execute_code", execute)
            # Of a contract that reverts boa prints all storage, which takes longer than the test.
            patch.setattr(VyperContract, "__repr__", object.__repr__)
            yield self.events

    def _note(self, entries: list[tuple[int, bytes, list[int], bytes]]) -> None:
        for _, address, topics, data in entries:
            log = Log(
                block_number=int(boa.env.evm.patch.block_number),
                log_index=len(self.events),
                block_hash=bytes(32),
                tx_hash=bytes(32),
                address=address,
                topics=tuple(topic.to_bytes(32, "big") for topic in topics),
                data=data,
            )
            event = self._decoder.decode(log)
            if event is not None:
                self.events.append(event)
