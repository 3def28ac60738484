# SPDX-License-Identifier: Apache-2.0
"""A provider as a process: the digits model on a real session, and a manifest that may lie.

`python node.py [--manifest FILE] [--per-item SECONDS] [--wrong] [--refuse]` prints its port. What a
machine takes for an item is slept: it stands for a GPU (nothing) or a CPU.
"""

from __future__ import annotations

import argparse
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from offchain_workers.engines import ModelRunner
from offchain_workers.engines.embedded import EmbeddedEngine
from offchain_workers.models.demo import digits


def handler(runner: ModelRunner, options: Any) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._answer(options.manifest.read_bytes())

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            output = runner.submit(body).result()
            time.sleep(options.per_item * (len(body) // 64))
            status = 400 if options.refuse else 200
            self._answer(output[::-1] if options.wrong else output, status)

        def _answer(self, body: bytes, status: int = 200) -> None:
            self.send_response(status)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Nobody reads it."""

    return Handler


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--manifest", type=Path)
    parser.add_argument("--wrong", action="store_true")
    parser.add_argument("--refuse", action="store_true")
    parser.add_argument("--per-item", type=float, default=0.0)
    options = parser.parse_args()
    model = digits()
    session = EmbeddedEngine().load(model.spec, model.onnx_bytes)
    runner = ModelRunner(session, model.card)
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler(runner, options))
    print(server.server_address[1], flush=True)  # noqa: T201 - the parent reads it
    server.serve_forever()


if __name__ == "__main__":
    main()
