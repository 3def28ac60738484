# SPDX-License-Identifier: Apache-2.0
"""`python -m benchmarks [gas [--check] | throughput | readme]`; with nothing named: all."""

from __future__ import annotations

import argparse
import sys

from benchmarks import GAS_FILE, README_FILE, THROUGHPUT_FILE, gas, throughput
from benchmarks.bounds import broken, judge
from benchmarks.readme import refreshed
from offchain_workers.errors import FusionError


def main(argv: list[str] | None = None) -> int:
    """The exit status: 1 when a bound is broken or, with --check, when a figure grew."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "what", nargs="?", choices=("all", "gas", "throughput", "readme"), default="all"
    )
    parser.add_argument("--check", action="store_true", help="gas: write nothing, fail on growth")
    options = parser.parse_args(argv)
    try:
        if options.check:
            return _check()
        return _write(options.what)
    except FusionError as error:
        print(error, file=sys.stderr)
        return 1


def _check() -> int:
    found = gas.problems(GAS_FILE, gas.measure(_say))
    for problem in found:
        print(problem)
    if found:
        print(gas.REMEDY)
    return 1 if found else 0


def _write(what: str) -> int:
    failures: list[str] = []
    if what in ("all", "gas"):
        rows = gas.measure(_say)
        gas.write(GAS_FILE, rows)
        failures = broken(judge(rows))
    if what in ("all", "throughput"):
        throughput.write(THROUGHPUT_FILE, throughput.measure(_say))
    README_FILE.write_text(refreshed(README_FILE.read_text(), GAS_FILE, THROUGHPUT_FILE))
    print("\n".join(failures), end="\n" if failures else "")
    return 1 if failures else 0


def _say(step: str) -> None:
    print(step, file=sys.stderr, flush=True)


if __name__ == "__main__":
    raise SystemExit(main())
