# SPDX-License-Identifier: Apache-2.0
"""Every lowering gives the reference's bytes: on each processor, at each level, in any batch."""

from __future__ import annotations

from pathlib import Path
from typing import NoReturn

import pytest

from tests.conformance.bundles import MODELS, AbsentError, Bundle, bundle
from tests.conformance.machines import EMULATED, GPU, NATIVE, Run, emulator, gpu, run
from tests.conformance.report import LEVELS, Results

QUICK = ("digits MLP", "digits CNN")
ANY_MODEL = [pytest.param(name, marks=() if name in QUICK else pytest.mark.slow) for name in MODELS]
# An emulated interpreter takes ten seconds to begin.
pytestmark = pytest.mark.timeout(1_800)


@pytest.mark.parametrize("model", ANY_MODEL)
def test_native(model: str, results: Results, tmp_path: Path) -> None:
    made = _bundle(model, NATIVE, results)
    _assert_equal(_recorded(made, model, NATIVE, results, tmp_path))


@pytest.mark.slow
@pytest.mark.parametrize("cpu", EMULATED)
@pytest.mark.parametrize("model", MODELS)
def test_emulated(model: str, cpu: str, results: Results, tmp_path: Path) -> None:
    if reason := emulator():
        _skip(model, cpu, reason, results)
    found = _recorded(_bundle(model, cpu, results), model, cpu, results, tmp_path)
    assert {name for name, has in found.features.items() if has} == EMULATED[cpu]
    _assert_equal(found)


@pytest.mark.gpu
@pytest.mark.parametrize("model", ANY_MODEL)
def test_gpu(model: str, results: Results, tmp_path: Path) -> None:
    if reason := gpu():
        _skip(model, GPU, reason, results)
    made = _bundle(model, GPU, results)
    _assert_equal(_recorded(made, model, GPU, results, tmp_path))


def _bundle(model: str, on: str, results: Results) -> Bundle:
    try:
        return bundle(model)
    except AbsentError as error:
        _skip(model, on, str(error), results)


def _recorded(made: Bundle, model: str, on: str, results: Results, folder: Path) -> Run:
    results.found[model, on] = found = run(made, on, folder)
    return found


def _skip(model: str, on: str, reason: str, results: Results) -> NoReturn:
    results.found[model, on] = reason
    pytest.skip(reason)


def _assert_equal(found: Run) -> None:
    assert {level for _, level, _ in found.wrong} == set(LEVELS)
    assert not {where: count for where, count in found.wrong.items() if count}
