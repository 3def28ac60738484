# SPDX-License-Identifier: Apache-2.0
"""Read a contract's past events in ranges that the node accepts."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

from offchain_workers.chain.errors import LogRangeRefusedError, RpcRejectedError
from offchain_workers.chain.events import Abi, Decoder, Event
from offchain_workers.chain.logs import Log, range_logs
from offchain_workers.chain.rpc import RpcPool

_FIRST_STEP = 2_000
_MAX_STEP = 50_000


def scan(
    pool: RpcPool,
    abis: Mapping[str, Abi],
    first: int,
    last: int | None = None,
    names: Collection[str] | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> list[Event]:
    """Events of ``{address: abi}`` in blocks ``first..last`` (default: the head), in chain order.

    ``names`` keeps only these events. Raises LogRangeRefusedError, RpcUnavailableError,
    EndpointsDisagreeError.
    """
    decoder = Decoder(abis)
    if last is None:
        pool.refresh()  # heights are those of the last look
    end = pool.common_height if last is None else last
    found: list[Event] = []
    for reached, logs in _ranges(pool, decoder.addresses, first, end):
        events = (decoder.decode(log) for log in logs)
        found += [event for event in events if event and (not names or event.name in names)]
        progress(reached - first + 1, end - first + 1)
    return found


def _ranges(
    pool: RpcPool, addresses: Sequence[bytes], first: int, last: int
) -> Iterator[tuple[int, list[Log]]]:
    """Halves the range when a node refuses it, doubles it while all goes well."""
    at, step = first, _FIRST_STEP
    while at <= last:
        end = min(at + step - 1, last)
        try:
            logs = range_logs(pool, at, end, addresses)
        except RpcRejectedError as error:
            if step == 1:
                raise LogRangeRefusedError(f"block {at}: {error.message}") from error
            step //= 2
            continue
        yield end, logs
        at, step = end + 1, min(step * 2, _MAX_STEP)
