# SPDX-License-Identifier: Apache-2.0
"""Requests per second of an HTTP server: by wrk where it is installed, else by this file.

The own client keeps its connections and sends the next request as soon as an answer is whole. It
takes more of the machine than wrk does, from the quicker server more than from the slower.
"""

from __future__ import annotations

import json
import re
import selectors
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from offchain_workers.models import ModelCard
from offchain_workers.models.wire import unpack_items
from offchain_workers.oip import tensor_entry

# The protocol's path of a model.
INFER = "/v2/models/{name}/infer"
_BAD = re.compile(r"Non-2xx|Socket errors", re.M)
_RATE = re.compile(r"^Requests/sec:\s+([0-9.]+)$", re.M)
_LENGTH = re.compile(rb"content-length: *([0-9]+)", re.I)


def tool() -> str:
    """What measures here."""
    return "wrk" if shutil.which("wrk") else "benchmarks.serving.client"


def body_of(card: ModelCard, item: bytes) -> dict[str, Any]:
    """A request for one item of the wire, its tensors in JSON."""
    entries = []
    for name, array in unpack_items(card.inputs, item, 1).items():
        entry, _ = tensor_entry(name, array, binary=False)
        entries.append(entry | {"data": array.ravel().tolist()})
    return {"inputs": entries}


def rate(url: str, body: dict[str, Any], connections: int, seconds: int) -> float:
    """Answers a second to POSTs of ``body``. Raises RuntimeError when one is not 200."""
    ask = _wrk if shutil.which("wrk") else _own
    return ask(url, json.dumps(body), connections, seconds)


def _wrk(url: str, body: str, connections: int, seconds: int) -> float:
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / "post.lua"
        script.write_text(
            f'wrk.method = "POST"\nwrk.body = [[{body}]]\n'
            'wrk.headers["Content-Type"] = "application/json"\n'
        )
        command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}", "--timeout", "20s"]
        command += ["-s", str(script), url]
        said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    found = _RATE.search(said)
    if found is None or _BAD.search(said):
        raise RuntimeError(f"{url}: {said}")
    return float(found[1])


def _own(url: str, body: str, connections: int, seconds: int) -> float:
    parts = urlsplit(url)
    request = (
        f"POST {parts.path} HTTP/1.1\r\nHost: {parts.netloc}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n\r\n{body}"
    ).encode()
    selector = selectors.DefaultSelector()
    address = (parts.hostname or "", parts.port or 80)
    for _ in range(connections):
        connection = socket.create_connection(address)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        selector.register(connection, selectors.EVENT_READ, bytearray())
        connection.sendall(request)
    answers, end = 0, time.perf_counter() + seconds
    while time.perf_counter() < end:
        for key, _ in selector.select(1.0):
            answers += _read(key, request)
    for key in list(selector.get_map().values()):
        key.fileobj.close()  # type: ignore[union-attr]
    return answers / seconds


def _read(key: selectors.SelectorKey, request: bytes) -> int:
    """1 when an answer is whole; the next request is on its way then."""
    connection: Any = key.fileobj
    received: bytearray = key.data
    received += connection.recv(65_536)
    head = received.find(b"\r\n\r\n")
    if head < 0:
        return 0
    length = _LENGTH.search(received, 0, head)
    if not received.startswith(b"HTTP/1.1 200") or length is None:
        raise RuntimeError(bytes(received[:200]))
    if len(received) < head + 4 + int(length[1]):
        return 0
    received.clear()
    connection.sendall(request)
    return 1
