# SPDX-License-Identifier: Apache-2.0
"""A provider as a process: the digits model on a real session, and a manifest that may lie.

`python node.py [--boast] [--per-item SECONDS] [--wrong] [--refuse]` prints its port. What a machine
takes for an item is slept: it stands for a GPU (nothing) or a CPU.
"""

from __future__ import annotations

import argparse
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from eth_account import Account

from offchain_workers.engines import ModelRunner
from offchain_workers.engines.embedded import EmbeddedEngine
from offchain_workers.engines.hardware import Gpu, Hardware
from offchain_workers.models.demo import digits
from offchain_workers.operator.manifest import Place, build_manifest

PLACE = Place(31337, "0x" + "11" * 20)


def hardware(boasts: bool) -> Hardware:
    provider = "cuda" if boasts else "cpu"
    gpus = (Gpu("NVIDIA H100 80GB HBM3", "GPU-0", 80 << 30, "570.0"),) if boasts else ()
    return Hardware(provider, (), "1", "3.11", "Linux x86_64", "cpu", 1, 1 << 30, gpus)


def handler(runner: ModelRunner, options: Any, manifest: bytes) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._answer(manifest)

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
    parser.add_argument("--boast", action="store_true")
    parser.add_argument("--wrong", action="store_true")
    parser.add_argument("--refuse", action="store_true")
    parser.add_argument("--per-item", type=float, default=0.0)
    options = parser.parse_args()
    model, account = digits(), Account.create()
    session = EmbeddedEngine().load(model.spec, model.onnx_bytes)
    manifest = build_manifest(
        account, PLACE, "http://node", hardware(options.boast), [], ["none"], {}, 1
    )
    runner = ModelRunner(session, model.card)
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler(runner, options, manifest))
    print(server.server_address[1], flush=True)  # noqa: T201 - the parent reads it
    server.serve_forever()


if __name__ == "__main__":
    main()
