# SPDX-License-Identifier: Apache-2.0
"""`dstack`: the guest agent of a dstack machine, JSON over HTTP on a Unix socket."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import httpx
from pydantic import BaseModel, ValidationError

from verifiers.teeml.errors import ProviderError
from verifiers.teeml.providers.base import Evidence, check_report_data, checked

SOCKET = Path("/var/run/dstack.sock")
_SECONDS = 30.0


class _Answer(BaseModel):
    quote: str
    event_log: str = ""


class Dstack:
    """Quotes of the trust domain that dstack runs us in."""

    name = "dstack"
    tee: Literal["tdx", "sgx"] = "tdx"
    simulated = False

    def __init__(self, socket: Path = SOCKET) -> None:
        self._socket = socket

    def available(self) -> bool:
        return self._socket.is_socket()

    def quote(self, report_data: bytes) -> Evidence:
        """With the event log, from which dstack's RTMR3 can be computed again."""
        check_report_data(report_data)
        transport = httpx.HTTPTransport(uds=str(self._socket))
        asked = {"report_data": report_data.hex()}
        try:
            with httpx.Client(transport=transport, timeout=_SECONDS) as client:
                response = client.post("http://dstack/GetQuote", json=asked)
                response.raise_for_status()
                answer = _Answer.model_validate_json(response.content)
                quote = bytes.fromhex(answer.quote.removeprefix("0x"))
        except httpx.HTTPError as error:
            raise ProviderError(f"dstack: {error}") from error
        except (ValidationError, ValueError) as error:
            raise ProviderError("dstack's answer has no quote in it") from error
        return checked(Evidence(quote, answer.event_log), report_data)
