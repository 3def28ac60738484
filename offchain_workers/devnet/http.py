# SPDX-License-Identifier: Apache-2.0
"""JSON-RPC over HTTP for the embedded chain, single requests and batches, open to pages (CORS)."""

from __future__ import annotations

import inspect
import json
import logging
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from . import wire
from .controls import Changing, Interval
from .methods import Reading
from .node import Node
from .rpc_error import INVALID_PARAMS, METHOD_NOT_FOUND, RpcError
from .wire import Json

PARSE_ERROR = -32700
INVALID_REQUEST = -32600
MAX_BODY = 16 * 2**20

log = logging.getLogger(__name__)


class Dispatcher:
    """Answers JSON-RPC requests on one node, one at a time."""

    def __init__(self, node: Node, interval: Interval) -> None:
        self._node = node
        self._methods = Reading(node).table() | Changing(node, interval).table()

    def answer(self, body: bytes) -> Json:
        """The response to a request body: an object, or a list for a batch."""
        try:
            request = json.loads(body)
        except ValueError:
            return _failure(None, RpcError(PARSE_ERROR, "parse error"))
        if isinstance(request, list):
            return [self._one(item) for item in request]
        return self._one(request)

    def _one(self, request: Any) -> Json:
        if not isinstance(request, dict) or not isinstance(request.get("method"), str):
            return _failure(None, RpcError(INVALID_REQUEST, "invalid request"))
        identifier = request.get("id")
        try:
            result = self._call(request["method"], request.get("params") or [])
        except RpcError as error:
            return _failure(identifier, error)
        return {"jsonrpc": "2.0", "id": identifier, "result": result}

    def _call(self, name: str, params: Any) -> Json:
        method = self._methods.get(name)
        if method is None:
            raise RpcError(METHOD_NOT_FOUND, f"Method not found: {name}")
        if not isinstance(params, list):
            raise RpcError(INVALID_PARAMS, "params must be a list")
        try:
            inspect.signature(method).bind(*params)
        except TypeError as error:
            raise RpcError(INVALID_PARAMS, f"{name}: {error}") from error
        with self._node.lock:
            return method(*params)


def _failure(identifier: Any, error: RpcError) -> Json:
    body: dict[str, Json] = {"code": error.code, "message": error.message}
    if error.data is not None:
        body["data"] = wire.data(error.data)
    return {"jsonrpc": "2.0", "id": identifier, "error": body}


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Headers and body are two writes: without this each answer waits for a delayed ACK.
    disable_nagle_algorithm = True
    server: _Server

    def do_POST(self) -> None:
        length = self.headers.get("Content-Length", "")
        if not length.isdigit() or int(length) > MAX_BODY:
            self.close_connection = True
            self._send(413, b"")
            return
        answer = self.server.dispatcher.answer(self.rfile.read(int(length)))
        self._send(200, json.dumps(answer).encode())

    def do_OPTIONS(self) -> None:
        self._send(204, b"")

    def _send(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Access-Control-Allow-Origin", "*")
        self.send_header("Access-Control-Allow-Headers", "content-type")
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        log.debug(format, *args)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, port: int, dispatcher: Dispatcher) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.dispatcher = dispatcher


def make_server(node: Node, port: int, block_time: int | None = None) -> ThreadingHTTPServer:
    """A server bound to 127.0.0.1:`port` (0: any free one); the caller runs `serve_forever`."""
    interval = Interval(node)
    server = _Server(port, Dispatcher(node, interval))
    if block_time:
        node.automine = False
        interval.set(block_time)
    return server
