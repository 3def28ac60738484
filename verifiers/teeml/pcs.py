# SPDX-License-Identifier: Apache-2.0
"""Fetches a platform's collateral from Intel's Provisioning Certification Service, version 4.

What comes is not trusted: verification checks each signature.
"""

from __future__ import annotations

import json
from typing import Any, Literal
from urllib.parse import unquote

import httpx

from verifiers.teeml.certificates import read_leaf
from verifiers.teeml.errors import PcsError
from verifiers.teeml.pck import Pck
from verifiers.teeml.quote import Quote

INTEL_PCS = "https://api.trustedservices.intel.com"
INTEL_ROOT_CRL = "https://certificates.trustedservices.intel.com/IntelSGXRootCA.der"
_SECONDS = 30.0
_MOST_BYTES = 1 << 20
# Standard data, and data of a TCB recovery that has been announced but does not count yet.
Update = Literal["standard", "early"]


class Pcs:
    """One service; a cache that serves the same paths will do."""

    def __init__(self, url: str = INTEL_PCS, root_crl: str = INTEL_ROOT_CRL) -> None:
        self._url, self._root_crl = url.rstrip("/"), root_crl

    def collateral(self, quote: Quote, update: Update = "standard") -> dict[str, str]:
        """All that the quote is checked with, in dcap-qvl's JSON. Raises PcsError, TeeError."""
        leaf = read_leaf(quote.chain)
        pck = Pck.of(leaf.extensions)
        issuer = leaf.raw.issuer.rfc4514_string()
        ca = "processor" if "Processor" in issuer else "platform"
        kind = "tdx" if quote.is_tdx else "sgx"
        with httpx.Client(timeout=_SECONDS, follow_redirects=True) as client:
            return {
                **self._crls(client, ca),
                **self._signed(
                    client,
                    f"{kind}/certification/v4/tcb",
                    {"fmspc": pck.fmspc.hex().upper(), "update": update},
                    ("tcb_info", "tcbInfo", "TCB-Info-Issuer-Chain"),
                ),
                **self._signed(
                    client,
                    f"{kind}/certification/v4/qe/identity",
                    {"update": update},
                    ("qe_identity", "enclaveIdentity", "SGX-Enclave-Identity-Issuer-Chain"),
                ),
            }

    def _crls(self, client: httpx.Client, ca: str) -> dict[str, str]:
        at = f"{self._url}/sgx/certification/v4/pckcrl"
        answer = _get(client, at, {"ca": ca, "encoding": "der"})
        return {
            "pck_crl_issuer_chain": _chain(answer, "SGX-PCK-CRL-Issuer-Chain"),
            "pck_crl": answer.content.hex(),
            "root_ca_crl": _get(client, self._root_crl, {}).content.hex(),
        }

    def _signed(
        self, client: httpx.Client, path: str, query: dict[str, str], names: tuple[str, str, str]
    ) -> dict[str, str]:
        """``names``: ours, the service's and that of the chain's header."""
        ours, theirs, header = names
        answer = _get(client, f"{self._url}/{path}", query)
        text, signature = split_document(answer.content, theirs)
        return {
            ours: text,
            f"{ours}_signature": signature,
            f"{ours}_issuer_chain": _chain(answer, header),
        }


def split_document(body: bytes, name: str) -> tuple[str, str]:
    """The signed text, character by character as it came, and its signature. Raises PcsError."""
    try:
        text = body.decode()
        signature = str(json.loads(text)["signature"])
    except (ValueError, KeyError, TypeError) as error:
        raise PcsError(f"the service's answer has no signed {name}") from error
    start, end = f'{{"{name}":', f',"signature":"{signature}"}}'
    if not text.startswith(start) or not text.endswith(end):
        raise PcsError(f"the service's {name} is not of the vendor's shape")
    return text[len(start) : -len(end)], signature


def _get(client: httpx.Client, url: str, query: dict[str, str]) -> httpx.Response:
    try:
        answer = client.get(url, params=query)
        answer.raise_for_status()
    except httpx.HTTPError as error:
        raise PcsError(f"{url}: {error}") from error
    if len(answer.content) > _MOST_BYTES:
        raise PcsError(f"{url} gave {len(answer.content)} bytes")
    return answer


def _chain(answer: httpx.Response, header: str) -> str:
    found: Any = answer.headers.get(header)
    if not found:
        raise PcsError(f"the service's answer has no {header}")
    return unquote(str(found))
