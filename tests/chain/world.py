# SPDX-License-Identifier: Apache-2.0
"""What the tests of the chain layer act on: a small contract, and a node that misbehaves."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
from eth_abi.abi import encode
from eth_account.signers.local import LocalAccount
from web3 import Web3
from web3.contract import Contract

from offchain_workers.chain.call import Call, Multicall
from offchain_workers.chain.hashing import keccak
from offchain_workers.devnet import Devnet

COUNTER = """
# pragma version ~=0.4.3
struct Pair:
    size: uint256
    tag: bytes32

event Touched:
    who: indexed(address)
    id: indexed(bytes32)
    pair: Pair
    note: Bytes[64]

touches: public(HashMap[bytes32, uint256])

@external
@payable
def touch(id: bytes32):
    self.touches[id] += 1
    log Touched(who=msg.sender, id=id, pair=Pair(size=2**200, tag=id), note=b"note")

@external
def once(id: bytes32):
    assert self.touches[id] == 0, "already done"
    self.touches[id] += 1

@external
def before(block_number: uint256):
    assert block.number <= block_number, "too late"

@external
def multicall(calls: DynArray[Bytes[2_048], 32]):
    for call: Bytes[2_048] in calls:
        raw_call(self, call, is_delegate_call=True)

@external
def burn(slots: uint256):
    for i: uint256 in range(slots, bound=10_000):
        self.touches[convert(i, bytes32)] = 1
"""

JOB = b"\x07" * 32
# As many as its multicall takes.
MOST = 32

Rewrite = Callable[[dict[str, Any], dict[str, Any]], dict[str, Any]]


def deploy(chain: Devnet, code: dict[str, Any]) -> Contract:
    """A fresh counter, with a Web3 of its own."""
    w3 = Web3(Web3.HTTPProvider(chain.url))
    factory = w3.eth.contract(abi=code["abi"], bytecode=code["bytecode"])
    sent = factory.constructor().transact({"from": chain.accounts[9].address})
    address = w3.eth.wait_for_transaction_receipt(sent)["contractAddress"]
    return w3.eth.contract(address=address, abi=code["abi"])


def multicall_of(counter: Contract, address: str | None = None, most: int = MOST) -> Multicall:
    """The counter's own, for what it counts without coins; ``touch`` leads."""
    touch = bytes.fromhex(counter.functions.touch(JOB)._encode_transaction_data()[2:10])
    at = address or counter.address
    return Multicall(at, lambda data: True, joined, most, lambda data: data[:4] == touch)


def joined(calls: Sequence[Call]) -> Call:
    selector = keccak(b"multicall(bytes[])")[:4]
    return Call(calls[0].to, selector + encode(["bytes[]"], [[call.data for call in calls]]))


def fund(chain: Devnet, account: LocalAccount) -> None:
    chain.rpc("anvil_setBalance", account.address, hex(10**20))


@dataclass
class Proxy:
    """A node between us and the real one. What it does is set by the test."""

    target: str
    url: str = ""
    status: int = 200
    body: bytes | None = None
    refused: str = ""
    one_by_one: bool = False
    batches: int = 0
    rewrite: Rewrite = lambda request, answer: answer
    release: threading.Event = field(default_factory=threading.Event)
    stalled: bool = False
    drip: bool = False
    methods: list[str] = field(default_factory=list)

    def answer(self, content: bytes) -> bytes:
        request = json.loads(content)
        batch = request if isinstance(request, list) else [request]
        self.methods += [one["method"] for one in batch]
        if self.stalled:
            self.release.wait(30)
        if self.body is not None:
            return self.body
        if isinstance(request, list):
            self.batches += 1
            if self.one_by_one:
                return b'{"jsonrpc": "2.0", "id": null, "error": {"code": -32600, "message": "no"}}'
        if self.refused in self.methods[-len(batch) :]:
            return b"no"
        real = httpx.post(self.target, json=batch, trust_env=False, timeout=30).json()
        answers = [self.rewrite(one, answer) for one, answer in zip(batch, real, strict=True)]
        return json.dumps(answers if isinstance(request, list) else answers[0]).encode()


class Server(ThreadingHTTPServer):
    daemon_threads = True
    proxy: Proxy


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_POST(self) -> None:
        proxy = self.server.proxy
        body = proxy.answer(self.rfile.read(int(self.headers["content-length"])))
        try:
            self.send_response(proxy.status)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            if proxy.drip:
                self._drip(body)
            self.wfile.write(body)
        except (BrokenPipeError, ConnectionResetError):
            return  # the client gave up, as it should

    def _drip(self, body: bytes) -> None:
        for byte in body:
            self.wfile.write(bytes([byte]))
            self.wfile.flush()
            if self.server.proxy.release.wait(0.1):
                return

    def log_message(self, format: str, *args: object) -> None:
        return


@contextmanager
def proxied(url: str) -> Iterator[Proxy]:
    """A second endpoint, before the node at ``url``."""
    server = Server(("127.0.0.1", 0), Handler)
    server.proxy = Proxy(url, f"http://127.0.0.1:{server.server_address[1]}")
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server.proxy
    finally:
        server.proxy.release.set()
        server.shutdown()
        server.server_close()
        thread.join()
