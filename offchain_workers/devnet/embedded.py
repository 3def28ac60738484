# SPDX-License-Identifier: Apache-2.0
"""The development chain that needs no binary: py-evm behind JSON-RPC.

Run it as ``python -m offchain_workers.devnet.embedded --port 8545``. It listens on 127.0.0.1 only,
for its keys are public.
"""

from __future__ import annotations

import argparse
import logging
import signal
import sys
import threading
from pathlib import Path

from ..errors import FusionError
from .http import make_server
from .node import Node

ENDINGS = {signal.SIGTERM, signal.SIGINT}


def main(argv: list[str] | None = None) -> int:
    """Serve until SIGTERM or SIGINT; 1 with one clear line when the chain cannot start."""
    options = _parse(argv)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    try:
        node = Node(options.state)
    except FusionError as error:
        print(error, file=sys.stderr)  # noqa: T201
        return 1
    # Waited for, not handled: an exception that a handler raises is lost where Python ignores them.
    signal.pthread_sigmask(signal.SIG_BLOCK, ENDINGS)
    try:
        server = make_server(node, options.port, options.block_time)
    except OSError as error:
        print(f"MN-DEV-003: port {options.port}: {error.strerror}", file=sys.stderr)  # noqa: T201
        return 1
    threading.Thread(target=server.serve_forever, args=(0.1,), daemon=True).start()
    logging.info("serving on %s, head %d", server.server_address, node.ledger.height)
    signal.sigwait(ENDINGS)
    server.shutdown()
    server.server_close()
    return 0


def _parse(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="embedded", description=__doc__)
    parser.add_argument("--port", type=int, default=8545)
    parser.add_argument("--state", type=Path, help="journal file; the chain goes on where it ended")
    parser.add_argument("--block-time", type=int, help="seconds between blocks (default: at once)")
    return parser.parse_args(argv)


if __name__ == "__main__":
    raise SystemExit(main())
