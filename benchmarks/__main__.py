# SPDX-License-Identifier: Apache-2.0
"""`python -m benchmarks [gas [--check] | disputes | ...]`; with nothing named: all."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable

from benchmarks import (
    BALANCING_FILE,
    CARRIED_FILE,
    DISPUTES_FILE,
    GAS_FILE,
    LATENCY_FILE,
    RAY_FILE,
    README_FILE,
    ROUTING_FILE,
    SCALING_FILE,
    SERVING_FILE,
    SPEED_FILE,
    THROUGHPUT_FILE,
    ZKML_FILE,
    ZKML_SPEED_FILE,
    carried,
    gas,
    latency,
    plots,
    routing,
    throughput,
)
from benchmarks.balancing import page as balancing_page
from benchmarks.balancing import race
from benchmarks.bounds import broken, judge
from benchmarks.opml import disputes, page, scaling, speed
from benchmarks.readme import refreshed
from benchmarks.serving import compare, replicas
from benchmarks.zkml import proving, verifying
from offchain_workers.errors import FusionError


def main(argv: list[str] | None = None) -> int:
    """The exit status: 1 when a bound is broken or, with --check, when a figure grew."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("what", nargs="?", choices=("all", *PARTS), default="all")
    parser.add_argument("--check", action="store_true", help="gas: write nothing, fail on growth")
    options = parser.parse_args(argv)
    try:
        if options.check:
            return _check()
        return _write(options.what)
    except (FusionError, race.BusyMachineError) as error:
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
    for name in PARTS if what == "all" else (what,):
        failures += PARTS[name]()
    README_FILE.write_text(refreshed(README_FILE.read_text()))
    page.write()
    balancing_page.write()
    plots.write()
    print("\n".join(failures), end="\n" if failures else "")
    return 1 if failures else 0


def _gas() -> list[str]:
    rows = gas.measure(_say)
    gas.write(GAS_FILE, rows)
    return broken(judge(rows))


def _disputes() -> list[str]:
    disputes.write(DISPUTES_FILE, disputes.measure(_say))
    return []


def _scaling() -> list[str]:
    disputes.write(SCALING_FILE, scaling.measure(_say))
    return []


def _speed() -> list[str]:
    disputes.write(SPEED_FILE, speed.measure(_say))
    return []


def _zkml_gas() -> list[str]:
    document = verifying.measure(_say)
    disputes.write(ZKML_FILE, document)
    return [f"{one['name']}: over its bound" for one in document["figures"] if one["met"] is False]


def _zkml_speed() -> list[str]:
    disputes.write(ZKML_SPEED_FILE, proving.measure(_say))
    return []


def _throughput() -> list[str]:
    throughput.write(THROUGHPUT_FILE, throughput.measure(_say))
    return []


def _latency() -> list[str]:
    document = latency.measure(_say)
    disputes.write(LATENCY_FILE, document)
    return [f"{one['name']}: missed" for one in document["figures"] if one["met"] is False]


def _balancing() -> list[str]:
    document = race.measure(_say)
    disputes.write(BALANCING_FILE, document)
    return [f"{one['name']}: under its goal" for one in document["figures"] if one["met"] is False]


def _serving() -> list[str]:
    document = compare.measure(_say)
    disputes.write(SERVING_FILE, document)
    return [f"{one['name']}: missed" for one in document["figures"] if one["met"] is False]


def _ray() -> list[str]:
    document = replicas.measure(_say)
    disputes.write(RAY_FILE, document)
    return [f"{one['name']}: missed" for one in document["figures"] if one["met"] is False]


def _routing() -> list[str]:
    document = routing.measure(_say)
    disputes.write(ROUTING_FILE, document)
    return [f"{one['name']}: over its bound" for one in document["figures"] if one["met"] is False]


def _carried() -> list[str]:
    disputes.write(CARRIED_FILE, carried.measure(_say))
    return []


def _readme() -> list[str]:
    return []


def _say(step: str) -> None:
    print(step, file=sys.stderr, flush=True)


# Each writes a file and says which bounds are broken.
PARTS: dict[str, Callable[[], list[str]]] = {
    "gas": _gas,
    "disputes": _disputes,
    "scaling": _scaling,
    "opml-speed": _speed,
    "zkml-gas": _zkml_gas,
    "zkml-speed": _zkml_speed,
    "throughput": _throughput,
    "latency": _latency,
    "balancing": _balancing,
    "serving": _serving,
    "ray": _ray,
    "routing": _routing,
    "carried": _carried,
    "readme": _readme,
}


if __name__ == "__main__":
    raise SystemExit(main())
