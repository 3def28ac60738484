# SPDX-License-Identifier: Apache-2.0
"""Compile every deployable contract into package data, so that a runtime install needs no compiler.

A deployable is a contracts/**/CamelCase.vy; snake_case.vy are modules. ``--check`` writes nothing
and fails when what is committed differs.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import sys
import sysconfig
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vyper.compiler import output
from vyper.compiler.input_bundle import FilesystemInputBundle
from vyper.compiler.phases import CompilerData
from vyper.compiler.settings import Settings, anchor_settings

ROOT = Path(__file__).resolve().parents[1]
ARTIFACTS = Path("offchain_workers/chain/artifacts")
EVM = "prague"  # Osaka runs it unchanged; vyper 0.4.3 knows no later target
MAX_RUNTIME = 24_576  # EIP-170


class BuildError(Exception):
    """A contract that cannot be shipped; one line says which and why."""


@dataclass(frozen=True)
class Report:
    """Files of the artifact folder by what is wrong with them."""

    stale: list[str]
    orphaned: list[str]


def deployables(root: Path) -> dict[str, Path]:
    """Contract name to source, in order of name. Raises BuildError when two share a name."""
    found: dict[str, Path] = {}
    for path in sorted((root / "contracts").rglob("*.vy"), key=lambda path: path.stem):
        if not path.stem[:1].isupper():
            continue
        if path.stem in found:
            raise BuildError(f"two contracts are called {path.stem}: {found[path.stem]} and {path}")
        found[path.stem] = path
    return found


def compile_contract(root: Path, source: Path) -> dict[str, Any]:
    """The artifact of one contract. Raises BuildError when it is too large for the chain."""
    packages = Path(sysconfig.get_paths()["purelib"])
    # vyper searches the last path first.
    bundle = FilesystemInputBundle([packages, root])
    data = CompilerData(bundle.load_file(source), bundle, settings=Settings(evm_version=EVM))
    with anchor_settings(data.settings):
        artifact = {
            "name": source.stem,
            "license": "AGPL-3.0-only",
            "compiler": importlib.metadata.version("vyper"),
            "evm": EVM,
            "sources_sha256": output.build_integrity(data),
            "runtime_size": _runtime_size(data),
            "abi": output.build_abi_output(data),
            "bytecode": output.build_bytecode_output(data),
        }
    if artifact["runtime_size"] > MAX_RUNTIME:
        raise BuildError(
            f"{source.stem} is {artifact['runtime_size']} bytes, over the chain's {MAX_RUNTIME}"
        )
    return artifact


def _runtime_size(data: CompilerData) -> int:
    """What the chain stores: the code and, behind it, the immutables."""
    immutables: int = data.annotated_vyper_module._metadata["type"].immutable_section_bytes
    return len(data.bytecode_runtime) + immutables


def render(artifact: dict[str, Any]) -> str:
    """The file's text, the same on every machine."""
    return json.dumps(artifact, indent=1, ensure_ascii=True) + "\n"


def compare(folder: Path, texts: dict[str, str]) -> Report:
    """What `folder` has that differs from `texts`, and what it has beyond them."""
    committed = {path.stem: path for path in sorted(folder.glob("*.json"))}
    stale = [
        name
        for name, text in texts.items()
        if name not in committed or committed[name].read_text() != text
    ]
    return Report(stale, [name for name in committed if name not in texts])


def write(folder: Path, texts: dict[str, str], report: Report) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name in report.stale:
        (folder / f"{name}.json").write_text(texts[name])
    for name in report.orphaned:
        (folder / f"{name}.json").unlink()


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; fail when stale")
    parser.add_argument("--root", type=Path, default=ROOT)
    options = parser.parse_args(argv)
    try:
        texts = {
            name: render(compile_contract(options.root, source))
            for name, source in deployables(options.root).items()
        }
    except BuildError as error:
        print(error, file=sys.stderr)
        return 1
    report = compare(options.root / ARTIFACTS, texts)
    if options.check:
        for name in report.stale + report.orphaned:
            print(f"{ARTIFACTS / name}.json is stale: run `make artifacts`", file=sys.stderr)
        return 1 if report.stale or report.orphaned else 0
    write(options.root / ARTIFACTS, texts, report)
    print(f"{len(texts)} contracts, {len(report.stale)} written, {len(report.orphaned)} removed")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
