# SPDX-License-Identifier: Apache-2.0
"""Bundles load when their parts belong together, and say what does not fit."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from verifiers.opml import bundle, errors
from verifiers.opml.merkle import Tensor
from verifiers.opml.program import Axis, Header, Kind, Node, Op, Operand, program_tree

EACH = (Axis(), Axis(), Axis(), Axis(omul=1, last=3, stride=1))
NODES = [
    Node(Op.ADD, shape=(1, 1, 1, 4), a=Operand(Kind.INPUT, axes=EACH), b=Operand(Kind.WEIGHTS)),
    Node(Op.SUM, lanes=4, a=Operand(Kind.TRACE, index=0)),
]
WEIGHTS = b"\x05" * 300
HEADER = Header(program_tree(NODES).root, 2, 1, Tensor(WEIGHTS).commitment, 4, 1, 3600, 900)
PROGRAM = b"".join(node.encode() for node in NODES)


def assemble(header: Header = HEADER, program: bytes = PROGRAM) -> bundle.Program:
    return bundle.assemble(bundle.format_header(header), program, WEIGHTS)


def test_a_bundle_is_read_certified_and_run(tmp_path: Path) -> None:
    files = {"header.json": bundle.format_header(HEADER), "program.bin": PROGRAM}
    for name, data in {**files, "weights.bin": WEIGHTS}.items():
        (tmp_path / name).write_bytes(data)
    program = bundle.load(tmp_path)
    assert (program.header, program.nodes) == (HEADER, NODES)
    assert program.certify().nodes[1].output.greatest == 255
    execution = program.execution(bytes([1, 2, 3, 4]))
    assert [tensor.data for tensor in execution.outputs] == [bytes([6, 7, 8, 9]), bytes([30])]
    assert execution.program.root == HEADER.program_root


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(errors.BundleFileError, match=r"header\.json: No such file"):
        bundle.load(tmp_path)


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"version": 2}, "version"),
        ({"program_root": "0x12"}, "program_root"),
        ({"node_count": "2"}, "node_count"),
        ({"node_count": 0}, "node_count"),
        ({"window": -1}, "window"),
        ({"more": 1}, "more"),
    ],
)
def test_a_bad_header_is_refused_by_field(changed: dict[str, object], words: str) -> None:
    fields = {**json.loads(bundle.format_header(HEADER)), **changed}
    with pytest.raises(errors.HeaderError, match=words):
        bundle.parse_header(json.dumps(fields).encode())


def test_a_header_that_is_no_json_is_refused() -> None:
    with pytest.raises(errors.HeaderError, match=r"header\.json"):
        bundle.parse_header(b"\xff{")


def test_other_nodes_are_refused() -> None:
    with pytest.raises(errors.ProgramMismatchError, match="449 bytes"):
        assemble(program=PROGRAM[:449])
    with pytest.raises(errors.ProgramMismatchError, match="other nodes"):
        assemble(program=PROGRAM[448:] * 2)


def test_bits_that_no_field_has_are_refused() -> None:
    spoilt = b"\x01" + PROGRAM[1:]
    assert Node.decode(spoilt[:448]) == NODES[0]
    with pytest.raises(errors.ProgramMismatchError, match="no field"):
        assemble(program=spoilt)


def test_other_weights_are_refused() -> None:
    with pytest.raises(errors.WeightsMismatchError, match="300 bytes"):
        assemble(replace(HEADER, weights=bytes(32)))


def test_an_output_that_the_program_does_not_make_is_refused() -> None:
    with pytest.raises(errors.SizeMismatchError, match="no node 2 among 2"):
        assemble(replace(HEADER, output_node=2))
    with pytest.raises(errors.SizeMismatchError, match="1 bytes, where the header says 2"):
        assemble(replace(HEADER, output_bytes=2))
