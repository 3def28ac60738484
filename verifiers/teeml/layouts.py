# SPDX-License-Identifier: Apache-2.0
"""Collateral in the layouts that people have it in, made into the one that is checked.

One JSON file, or a folder with a file for each piece. Pieces by dcap-qvl's names, by those of
Intel's service and its headers, or by those of its quote library; documents bare, with their
signatures around them, or as whole responses. None of this is trusted: what is read wrong fails its
signature.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from verifiers.teeml.collateral import Collateral
from verifiers.teeml.errors import CollateralFileError
from verifiers.teeml.loose import chain, in_order, plain, revocations

MOST_BYTES = 1 << 24
_MOST_DEPTH = 8
_TCB, _QE = "tcb_info", "qe_identity"
# Names in small letters and digits alone.
_NAMES = {
    "pck_crl_issuer_chain": ("pckcrlissuerchain", "sgxpckcrlissuerchain", "pckcachain"),
    "root_ca_crl": ("rootcacrl", "rootcrl", "sgxrootcacrl", "intelsgxrootca"),
    "pck_crl": ("pckcrl", "sgxpckcrl"),
    "tcb_info_issuer_chain": (
        "tcbinfoissuerchain", "sgxtcbinfoissuerchain", "tcbsigningchain", "tcbissuerchain",
        "tcbsigning", "tcbsigningca", "signing",
    ),
    _TCB: ("tcbinfo",),
    "tcb_info_signature": ("tcbinfosignature",),
    "qe_identity_issuer_chain": (
        "qeidentityissuerchain", "sgxenclaveidentityissuerchain", "enclaveidentityissuerchain",
    ),
    _QE: ("qeidentity", "enclaveidentity", "tdqeidentity", "qeid", "identity"),
    "qe_identity_signature": ("qeidentitysignature", "enclaveidentitysignature"),
}  # fmt: skip
_PIECES = {name: piece for piece, names in _NAMES.items() for name in names}
_CHAINS = ("pck_crl_issuer_chain", "tcb_info_issuer_chain", "qe_identity_issuer_chain")
_LISTS = ("root_ca_crl", "pck_crl")
_SIGNATURES = {_TCB: "tcb_info_signature", _QE: "qe_identity_signature"}
_INNER = {_TCB: "tcbInfo", _QE: "enclaveIdentity"}
_HEAD_END = re.compile(rb"\r?\n\r?\n")


def read_collateral(path: Path, spare: bytes = b"") -> Collateral:
    """Of a file or a folder. Raises CollateralFileError, OSError. ``spare``: a quote's own chain,
    for who left out its CA's."""
    if path.is_dir():
        return parse_collateral(dict(_files(path)), spare)
    with path.open("rb") as file:
        data = file.read(MOST_BYTES + 1)
    if len(data) > MOST_BYTES:
        raise CollateralFileError(f"no collateral: more than {MOST_BYTES >> 20} MiB")
    return parse_collateral(_json(data, "document"), spare)


def parse_collateral(given: Any, spare: bytes = b"") -> Collateral:
    """``given``: JSON's values, or bytes by file name. Raises CollateralFileError."""
    found: dict[str, Any] = {}
    _gather(given, found, _MOST_DEPTH)
    for document, signature in _SIGNATURES.items():
        if document in found:
            found |= _split(document, found[document], found.get(signature))
    if spare:
        found.setdefault(_CHAINS[0], spare)
    pieces = {name: _piece(name, value) for name, value in found.items()}
    # One certificate signs both documents.
    for one, other in (_CHAINS[1:], _CHAINS[:0:-1]):
        if one in pieces:
            pieces.setdefault(other, pieces[one])
    return Collateral.parse(
        json.dumps(pieces | in_order({name: pieces[name] for name in _CHAINS if name in pieces}))
    )


# --- finding ----------------------------------------------------------------------------------


def _gather(given: Any, found: dict[str, Any], depth: int) -> None:
    """Pieces by their names, wherever they stand; the first of a name counts."""
    if not isinstance(given, Mapping):
        raise CollateralFileError("no collateral: want a JSON object")
    for name, value in given.items():
        piece = _piece_of(str(name))
        if isinstance(value, Mapping) and {"body", "headers"} <= value.keys():
            if depth:
                _gather(value["headers"], found, depth - 1)
            value = value["body"]
        if piece is not None:
            found.setdefault(piece, value)
        elif isinstance(value, Mapping) and depth:
            _gather(value, found, depth - 1)


def _files(folder: Path) -> Iterator[tuple[str, Any]]:
    """By name without ending; responses with their headers (``curl -i``) are taken apart."""
    for path in sorted(folder.iterdir()):
        if not path.is_file() or path.stat().st_size > MOST_BYTES:
            continue
        data = path.read_bytes()
        while data.startswith(b"HTTP/"):
            head, data = [*_HEAD_END.split(data, maxsplit=1), b""][:2]
            yield from _headers(head)
        piece = _piece_of(path.stem) or _named_like(path.stem.lower())
        yield (piece, data) if piece else (path.stem, _whole(data))


def _named_like(name: str) -> str | None:
    """Files are named more freely: `sgx_tcbinfov3_00606a000000`, `pck_platform_crl`."""
    if "crl" in name:
        return _LISTS[0] if "root" in name else _LISTS[1]
    if "identity" in name:
        return _QE
    return _TCB if "tcbinfo" in name.replace("_", "") else None


def _whole(data: bytes) -> Any:
    """Of a file by another name: perhaps it has several pieces in it."""
    try:
        return _json(data, "document") if data.lstrip().startswith(b"{") else data
    except CollateralFileError:
        return data


def _piece_of(name: str) -> str | None:
    return _PIECES.get(re.sub("[^a-z0-9]", "", name.lower()))


def _headers(head: bytes) -> Iterator[tuple[str, str]]:
    for line in head.decode("latin-1").splitlines()[1:]:
        name, _, value = line.partition(":")
        yield name.strip(), value.strip()


# --- documents --------------------------------------------------------------------------------


def _split(name: str, value: Any, signature: Any) -> dict[str, Any]:
    """The text as it was signed, and the signature, its own or the one that stands inside."""
    text = _text(name, value)
    parsed, key = _json(text.encode(), name), _INNER[name]
    if isinstance(parsed, Mapping) and key in parsed:
        text, signature = _inside(name, text, key), signature or parsed.get("signature")
    return {name: text} | ({_SIGNATURES[name]: signature} if signature else {})


def _inside(name: str, text: str, key: str) -> str:
    """An object's text, character by character."""
    try:
        start = text.index("{", text.index(f'"{key}"'))
        _, end = json.JSONDecoder().raw_decode(text, start)
    except (ValueError, RecursionError) as error:
        raise CollateralFileError(f"no collateral: {name}: no document in it") from error
    return text[start:end]


def _text(name: str, value: Any) -> str:
    """JSON's values are written as the vendor writes them: no spaces, in their order."""
    if isinstance(value, Mapping):
        return json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    data = value if isinstance(value, bytes) else str(value).encode()
    if not data.lstrip().startswith(b"{"):
        data = plain(name, value)
    try:
        return data.decode().strip().rstrip("\0")
    except UnicodeDecodeError as error:
        raise CollateralFileError(f"no collateral: {name}: not text") from error


def _json(data: bytes, name: str) -> Any:
    try:
        return json.loads(data)
    except (ValueError, RecursionError) as error:
        raise CollateralFileError(f"no collateral: {name}: Invalid JSON") from error


def _piece(name: str, value: Any) -> str:
    """As dcap-qvl has it: chains in PEM, lists and signatures in hexadecimal digits."""
    if name in _CHAINS:
        return chain(name, value)
    if name in _LISTS:
        return revocations(name, plain(name, value)).hex()
    return str(value) if name in _SIGNATURES else plain(name, value).hex()
