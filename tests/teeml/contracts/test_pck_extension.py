# SPDX-License-Identifier: Apache-2.0
"""The SGX extension of a platform's certificate is read in one form only, however well signed."""

from __future__ import annotations

import random

import pytest
from cryptography import x509

from tests.teeml.contracts.machine import RevertedError
from tests.teeml.contracts.simulation import AUTHORITY, NOW, PLATFORM, parsed, simulated
from tests.teeml.contracts.trees import Node, read
from verifiers.teeml.onchain import quote_words
from verifiers.teeml.quote import Quote
from verifiers.teeml.roots import PCK, PLATFORM_CA
from verifiers.teeml.simulated import td_report
from verifiers.teeml.simulated.authority import private_key
from verifiers.teeml.simulated.der import sgx_extension

FEW = 150


def extension() -> bytes:
    return sgx_extension(
        PLATFORM.sgx, PLATFORM.pcesvn, PLATFORM.ppid, PLATFORM.pceid, PLATFORM.fmspc, True
    )


def outcome(given: bytes) -> str:
    """What the contracts make of a quote whose platform's certificate has that extension."""
    key = private_key(AUTHORITY.seed, f"{PLATFORM.label}/pck")
    leaf: x509.Certificate = AUTHORITY.issue(PCK, PLATFORM_CA, key=key, sgx=given)
    words = quote_words(Quote.parse(PLATFORM.quote(4, td_report(), pck=leaf)))
    chain, collateral = simulated(), parsed(PLATFORM.collateral())
    chain.machine.at(NOW)
    with chain.machine.undone():
        chain.load(collateral)
        try:
            return str(chain.verify_words(words, collateral)["status"])
        except RevertedError as refusal:
            return str(refusal)


def test_the_extension_is_read_as_it_is() -> None:
    assert outcome(extension()) == "0"


@pytest.mark.parametrize("pcesvn", [11, 127, 128, 255, 256, 32_767, 32_768, 65_535])
def test_numbers_of_every_size_are_read(pcesvn: int) -> None:
    high = sgx_extension((255,) * 16, pcesvn, bytes(16), bytes(2), PLATFORM.fmspc, True)
    assert outcome(high) == "0"


def test_a_platform_of_one_package_says_less() -> None:
    tree = read(extension())
    del tree.children[5:]
    assert outcome(tree.write()) == "0"
    for left in range(4):
        del tree.children[left + 1 :]
        assert outcome(tree.write()) in ("pck", "der", "")
        tree = read(extension())


@pytest.mark.parametrize("first", range(6))
def test_entries_keep_their_order(first: int) -> None:
    tree = read(extension())
    tree.children[first], tree.children[first + 1] = tree.children[first + 1], tree.children[first]
    assert outcome(tree.write()) == "pck"


@pytest.mark.parametrize("index", range(7))
def test_no_entry_comes_twice(index: int) -> None:
    tree = read(extension())
    tree.children.insert(index, tree.children[index])
    assert outcome(tree.write()) == "pck"


def test_components_keep_their_order_and_number() -> None:
    for change in ("swap", "drop", "add"):
        tree = read(extension())
        svns = tree.children[1].children[1].children
        if change == "swap":
            svns[3], svns[4] = svns[4], svns[3]
        elif change == "drop":
            del svns[3]
        else:
            svns.insert(3, svns[3])
        assert outcome(tree.write()) == "pck"


@pytest.mark.parametrize("content", [b"\0\3", b"\x83", b"\1\0", b"", b"\0\1\0"], ids=bytes.hex)
def test_a_component_is_one_byte_in_its_shortest_form(content: bytes) -> None:
    tree = read(extension())
    tree.children[1].children[1].children[0].children[1].content = content
    assert outcome(tree.write()) in ("pck", "der")


@pytest.mark.parametrize("content", [b"\0\x0b", b"\x8b", b"\1\0\0", b"\0\x7f\xff"], ids=bytes.hex)
def test_pcesvn_is_two_bytes_in_its_shortest_form(content: bytes) -> None:
    tree = read(extension())
    tree.children[1].children[1].children[16].children[1].content = content
    assert outcome(tree.write()) in ("pck", "der")


def test_random_changes_of_the_frame_are_refused() -> None:
    """Another tag, a longer length, something more: never read as if nothing was."""
    rng = random.Random(4)
    for _ in range(FEW):
        tree = read(extension())
        node = rng.choice(list(tree.walk()))
        change = rng.randrange(3)
        if change == 0:
            node.tag ^= 1 << rng.randrange(5)
        elif change == 1:
            node.padding = 1
        elif node.children:
            node.children.append(Node(5))
        else:
            node.content += b"\0"
        assert outcome(tree.write()) in ("pck", "der"), (change, node)


def test_a_certificate_without_it_is_no_platforms() -> None:
    key = private_key(AUTHORITY.seed, f"{PLATFORM.label}/pck")
    leaf = AUTHORITY.issue(PCK, PLATFORM_CA, key=key)
    quote = PLATFORM.quote(4, td_report(), pck=leaf)
    chain, collateral = simulated(), parsed(PLATFORM.collateral())
    chain.machine.at(NOW)
    with chain.machine.undone():
        chain.load(collateral)
        with pytest.raises(RevertedError, match=r"^certificate use$"):
            chain.verify(quote, collateral)
