# SPDX-License-Identifier: Apache-2.0
"""Intel's Provisioning Certification Service, version 4, for one simulated machine: a stand-in."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

Answer = tuple[bytes, dict[str, str]]
_PATHS = {
    "tcb": ("tcb_info", "tcbInfo", "TCB-Info-Issuer-Chain"),
    "qe/identity": ("qe_identity", "enclaveIdentity", "SGX-Enclave-Identity-Issuer-Chain"),
}


class Service(ThreadingHTTPServer):
    """``collateral`` by update, standard or early; ``asked``: paths and queries so far."""

    def __init__(self, collateral: dict[str, dict[str, str]]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.collateral = collateral
        self.asked: list[tuple[str, dict[str, list[str]]]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def answer(self, path: str, query: dict[str, list[str]]) -> Answer | None:
        """Body and headers; None for what the service does not know."""
        given = self.collateral[query.get("update", ["standard"])[0]]
        if path == "/root.crl":
            return bytes.fromhex(given["root_ca_crl"]), {}
        if path == "/sgx/certification/v4/pckcrl":
            chain = quote(given["pck_crl_issuer_chain"])
            return bytes.fromhex(given["pck_crl"]), {"SGX-PCK-CRL-Issuer-Chain": chain}
        kind, _, rest = path.strip("/").partition("/certification/v4/")
        if kind not in ("sgx", "tdx") or rest not in _PATHS:
            return None
        ours, theirs, header = _PATHS[rest]
        signature = given[f"{ours}_signature"]
        body = f'{{"{theirs}":{given[ours]},"signature":"{signature}"}}'
        return body.encode(), {header: quote(given[f"{ours}_issuer_chain"])}


class _Handler(BaseHTTPRequestHandler):
    server: Service

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        query = parse_qs(parts.query)
        self.server.asked.append((parts.path, query))
        found = self.server.answer(parts.path, query)
        body, headers = found or (b"", {})
        self.send_response(200 if found else 404)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        pass


@contextmanager
def serving(collateral: dict[str, dict[str, str]]) -> Iterator[Service]:
    with Service(collateral) as service:
        thread = threading.Thread(target=service.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield service
        finally:
            service.shutdown()
            thread.join()
