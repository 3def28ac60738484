# SPDX-License-Identifier: Apache-2.0
"""Collateral as people have it: each layout is read as the same pieces, or refused in one line."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given
from hypothesis import strategies as st

from tests.teeml.bundles import ALL, GENUINE, Bundle
from verifiers.teeml.collateral import Collateral
from verifiers.teeml.errors import CollateralFileError
from verifiers.teeml.layouts import parse_collateral, read_collateral
from verifiers.teeml.quote import Quote

END = "-----END CERTIFICATE-----\n"
GENUINE_CHAIN = Quote.parse(GENUINE[0].quote).chain.decode().rstrip("\0")
PLAIN = json.loads(GENUINE[0].collateral)
WANTED = Collateral.parse(json.dumps(PLAIN))
CHAINS = {
    "pck_crl_issuer_chain": "SGX-PCK-CRL-Issuer-Chain",
    "tcb_info_issuer_chain": "TCB-Info-Issuer-Chain",
    "qe_identity_issuer_chain": "SGX-Enclave-Identity-Issuer-Chain",
}
LISTS = ("root_ca_crl", "pck_crl")
BYTES = (*LISTS, "tcb_info_signature", "qe_identity_signature")


def pem(digits: str) -> str:
    found = x509.load_der_x509_crl(bytes.fromhex(digits))
    return found.public_bytes(Encoding.PEM).decode()


def encoded(names: tuple[str, ...], how: Callable[[str], Any]) -> dict[str, Any]:
    """``how`` makes another form of hexadecimal digits."""
    return PLAIN | {name: how(PLAIN[name]) for name in names}


def around(name: str, inner: str) -> str:
    """A document with its signature, as the service answers."""
    return f'{{"{inner}":{PLAIN[name]},"signature":"{PLAIN[f"{name}_signature"]}"}}'


def signer(name: str) -> str:
    return str(PLAIN[name]).split(END)[0] + END


def root() -> str:
    return str(PLAIN["pck_crl_issuer_chain"]).split(END)[1] + END


BODIES = {
    "tcb_info": around("tcb_info", "tcbInfo"),
    "qe_identity": around("qe_identity", "enclaveIdentity"),
}
UNSIGNED = {name: value for name, value in PLAIN.items() if not name.endswith("_signature")}
HEADERS = {theirs: quote(PLAIN[ours]) for ours, theirs in CHAINS.items()}
RESPONSES = {
    "pckcrl": {"body": PLAIN["pck_crl"], "headers": {
        "SGX-PCK-CRL-Issuer-Chain": HEADERS["SGX-PCK-CRL-Issuer-Chain"]}},
    "tcb": {"tcbInfo": {"body": BODIES["tcb_info"], "headers": {
        "TCB-Info-Issuer-Chain": HEADERS["TCB-Info-Issuer-Chain"]}}},
    "qeIdentity": {"body": json.loads(BODIES["qe_identity"]), "headers": {
        "SGX-Enclave-Identity-Issuer-Chain": HEADERS["SGX-Enclave-Identity-Issuer-Chain"]}},
    "rootCaCrl": PLAIN["root_ca_crl"],
}  # fmt: skip
LAYOUTS: dict[str, dict[str, Any]] = {
    "dcap-qvl": PLAIN,
    "with 0x": encoded(BYTES, lambda digits: "0x" + digits),
    "in capitals": encoded(BYTES, str.upper),
    "base64": encoded(BYTES, lambda digits: base64.b64encode(bytes.fromhex(digits)).decode()),
    "numbers": encoded(BYTES, lambda digits: list(bytes.fromhex(digits))),
    "lists in PEM": encoded(LISTS, pem),
    "digits of PEM": encoded(LISTS, lambda digits: pem(digits).encode().hex()),
    "digits of digits": encoded(LISTS, lambda digits: digits.encode().hex()),
    "lists with a zero at the end": encoded(LISTS, lambda digits: pem(digits) + "\0"),
    "signatures inside": UNSIGNED | BODIES,
    "documents as objects": UNSIGNED | {name: json.loads(body) for name, body in BODIES.items()},
    "bare documents as objects": PLAIN | {name: json.loads(PLAIN[name]) for name in BODIES},
    "more beside them": PLAIN | {"version": 3, "tee_type": 129, "pck_certificate_chain": "x"},
    "chains escaped": PLAIN | {name: quote(PLAIN[name]) for name in CHAINS},
    "chains as lists": PLAIN | {name: [PLAIN[name]] for name in CHAINS},
    "names of the service": {
        **HEADERS, "tcbInfo": BODIES["tcb_info"], "enclaveIdentity": BODIES["qe_identity"],
        "pckCrl": PLAIN["pck_crl"], "rootCaCrl": PLAIN["root_ca_crl"],
    },
    "responses with headers": RESPONSES,
    "roots left out but once": PLAIN | {name: signer(name) for name in list(CHAINS)[1:]},
    "roots first": PLAIN | {name: root() + signer(name) for name in CHAINS},
    "with the platform's certificate": PLAIN | {"pck_crl_issuer_chain": GENUINE_CHAIN},
    "within something": {"status": "ok", "quote_collateral": PLAIN},
    "one signing chain": {k: v for k, v in PLAIN.items() if k != "qe_identity_issuer_chain"},
    "the other signing chain": {k: v for k, v in PLAIN.items() if k != "tcb_info_issuer_chain"},
}  # fmt: skip


def certificates(chain: str) -> list[x509.Certificate]:
    return x509.load_pem_x509_certificates(chain.encode())


def same(found: Collateral) -> bool:
    """But for line ends around certificates, which nobody signs."""
    chains = {name: certificates(getattr(WANTED, name)) for name in CHAINS}
    given = {name: certificates(getattr(found, name)) for name in CHAINS}
    rest = WANTED.model_copy(update=dict.fromkeys(CHAINS, ""))
    return (given, found.model_copy(update=dict.fromkeys(CHAINS, ""))) == (chains, rest)


@pytest.mark.parametrize("bundle", ALL, ids=lambda bundle: bundle.name)
def test_each_bundle_is_read_as_it_is(bundle: Bundle, tmp_path: Path) -> None:
    path = tmp_path / "collateral.json"
    path.write_text(bundle.collateral)
    found, wanted = read_collateral(path), Collateral.parse(bundle.collateral)
    assert found.tcb_info == wanted.tcb_info
    assert found.model_dump().keys() == wanted.model_dump().keys()


@pytest.mark.parametrize("layout", LAYOUTS)
def test_each_layout_has_the_same_pieces(layout: str, tmp_path: Path) -> None:
    path = tmp_path / "collateral.json"
    path.write_text(json.dumps(LAYOUTS[layout], indent=1))
    assert same(read_collateral(path))


def test_a_folder_of_pieces(tmp_path: Path) -> None:
    """As fetched by hand: lists in DER, documents as the service answers, chains in PEM."""
    for name, body in BODIES.items():
        (tmp_path / f"{name}.json").write_text(body)
    for name in LISTS:
        (tmp_path / f"{name}.der").write_bytes(bytes.fromhex(PLAIN[name]))
    for name in CHAINS:
        (tmp_path / f"{name}.pem").write_text(PLAIN[name])
    (tmp_path / "README.md").write_text("where it comes from")
    (tmp_path / "more").mkdir()
    assert same(read_collateral(tmp_path))


def test_a_folder_of_files_named_more_freely(tmp_path: Path) -> None:
    (tmp_path / "tdx_tcbinfov3_b0c06f000000.json").write_text(BODIES["tcb_info"])
    (tmp_path / "tdx_qeidentity_v4.json").write_text(BODIES["qe_identity"])
    (tmp_path / "intel_root_ca_crl.der").write_bytes(bytes.fromhex(PLAIN["root_ca_crl"]))
    (tmp_path / "pck_platform_crl.der").write_bytes(bytes.fromhex(PLAIN["pck_crl"]))
    for name in CHAINS:
        (tmp_path / f"{name}.pem").write_text(PLAIN[name])
    assert same(read_collateral(tmp_path))


def test_a_folder_with_one_file_of_it_all(tmp_path: Path) -> None:
    (tmp_path / "collateral.json").write_text(json.dumps(PLAIN))
    (tmp_path / "broken.json").write_text("{")
    (tmp_path / "quote.bin").write_bytes(GENUINE[0].quote)
    assert same(read_collateral(tmp_path))


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_folder_of_responses(end: str, tmp_path: Path) -> None:
    """What `curl -i` writes, through a proxy that answered first."""

    def response(header: str, body: bytes) -> bytes:
        lines = ["HTTP/1.1 200 Connection established", "", "HTTP/2 200", "Server: x"]
        head = end.join([*lines, f"{header}: {HEADERS[header]}", "", ""])
        return head.encode() + body

    crl, tcb, identity = (CHAINS[name] for name in CHAINS)
    (tmp_path / "pckcrl").write_bytes(response(crl, bytes.fromhex(PLAIN["pck_crl"])))
    (tmp_path / "tcbInfo").write_bytes(response(tcb, BODIES["tcb_info"].encode()))
    (tmp_path / "qe-identity").write_bytes(response(identity, BODIES["qe_identity"].encode()))
    (tmp_path / "IntelSGXRootCA.der").write_bytes(bytes.fromhex(PLAIN["root_ca_crl"]))
    assert same(read_collateral(tmp_path))


@pytest.mark.parametrize("name", sorted(PLAIN))
@pytest.mark.parametrize("value", [None, "", "zz", [], [300], ["x"], {}, 5, "{", "0x", "ÿ", True])
def test_a_piece_that_is_nonsense_is_refused(name: str, value: Any) -> None:
    """Or is other bytes than were signed, which fail later."""
    found = None
    with suppress(CollateralFileError):
        found = parse_collateral(PLAIN | {name: value})
    assert found is None or getattr(found, name) != getattr(WANTED, name)


def test_the_quotes_own_chain_stands_in_for_its_cas() -> None:
    rest = {name: value for name, value in PLAIN.items() if name != "pck_crl_issuer_chain"}
    assert same(parse_collateral(rest, GENUINE_CHAIN.encode()))


def test_a_missing_piece_is_named() -> None:
    for name in set(PLAIN) - {"tcb_info_issuer_chain", "qe_identity_issuer_chain"}:
        with pytest.raises(CollateralFileError, match=name):
            parse_collateral({key: value for key, value in PLAIN.items() if key != name})


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from([*PLAIN, "tcbInfo", "signature", "body"]), inner)
    ),
    max_leaves=12,
)


@given(JSON)
def test_whatever_json_is_refused_and_nothing_worse(value: Any) -> None:
    with pytest.raises(CollateralFileError):
        parse_collateral(value)
