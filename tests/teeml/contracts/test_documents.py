# SPDX-License-Identifier: Apache-2.0
"""Intel's JSON has one form; the parser takes no other, and reads that one right."""

from __future__ import annotations

import json
import random
from collections.abc import Callable

import pytest

from tests.teeml.bundles import ALL, Bundle
from tests.teeml.contracts.machine import RevertedError
from tests.teeml.contracts.simulation import PLATFORM
from tests.teeml.contracts.verifying import intel
from verifiers.teeml.collateral import Collateral, QeIdentity, Status, TcbInfo
from verifiers.teeml.onchain import STATUSES
from verifiers.teeml.simulated import Component, Level, Module, qe_identity, tcb_info

NUMBERS = {str(status): bits for bits, status in STATUSES.items()} | {str(Status.REVOKED): 8}
INFO = tcb_info(PLATFORM.issued, PLATFORM.fmspc)
IDENTITY = qe_identity(PLATFORM.issued)
FEW = 1_000


def packed(levels: list[Component]) -> int:
    """As ITcbParser packs the levels of a component."""
    return sum(
        ((level.isvsvn << 8) | 128 | NUMBERS[level.status]) << 24 * i
        for i, level in enumerate(levels[:7])
    )


def check_info(text: str) -> None:
    """Levels as Python reads them, from the highest to the lowest."""
    info = TcbInfo.parse(text)
    head = intel().documents.call("tcb_head", text.encode()[:256])
    body = intel().documents.call("tcb_levels", text.encode())
    assert (head["issued"], head["until"]) == (info.issued, info.until)
    assert head["evaluation"] == info.evaluation
    assert head["fmspc"] == int.from_bytes(info.fmspc, "big")
    assert head["tdx"] == (info.id == "TDX")
    wanted = sorted(
        (
            (
                level["tcb"]["pcesvn"] | svns(level, "sgx") << 16,
                svns(level, "tdx"),
                NUMBERS[level["tcbStatus"]],
            )
            for level in json.loads(text)["tcbLevels"]
        ),
        key=lambda level: level[:2],
        reverse=True,
    )
    pairs = zip(body["levels"], body["tdx_levels"], strict=True)
    assert [(level >> 112, tee, level & 255) for level, tee in pairs] == wanted
    assert len(body["modules"]) == len(info.modules)


def svns(level: dict[str, dict[str, list[dict[str, int]]]], kind: str) -> int:
    components = level["tcb"].get(f"{kind}tcbcomponents", [])
    return int.from_bytes(bytes(component["svn"] for component in components), "big")


@pytest.mark.parametrize("bundle", ALL, ids=lambda bundle: bundle.name)
def test_real_documents_are_read_as_they_are(bundle: Bundle) -> None:
    given = Collateral.parse(bundle.collateral)
    check_info(given.tcb_info)
    identity = QeIdentity.parse(given.qe_identity)
    found = intel().documents.call("qe_identity", given.qe_identity.encode())
    assert found["mrsigner"] == identity.mrsigner
    assert found["attributes"] == int.from_bytes(identity.attributes, "big")
    assert found["attributes_mask"] == int.from_bytes(identity.attributes_mask, "big")
    assert (found["product"], found["evaluation"]) == (identity.isvprodid, identity.evaluation)
    levels = [
        Component(level["tcb"]["isvsvn"], level["tcbStatus"])
        for level in json.loads(given.qe_identity)["tcbLevels"]
    ]
    assert found["levels"] == packed(levels)


@pytest.mark.parametrize("tdx", [True, False])
def test_every_status_and_order_is_read(tdx: bool) -> None:
    rng = random.Random(3)
    for _ in range(40):
        levels = [
            Level(
                tuple(rng.choice((0, 3, 255)) for _ in range(16)),
                rng.choice((0, 11, 65_535)),
                tuple(rng.choice((0, 9, 10, 100)) for _ in range(16)),
                rng.choice(list(NUMBERS)),
                tuple(f"INTEL-SA-{i:05}" for i in range(rng.randrange(20))),
            )
            for _ in range(rng.randrange(1, 9))
        ]
        check_info(tcb_info(PLATFORM.issued, PLATFORM.fmspc, tdx=tdx, levels=levels))


def test_the_most_levels_and_no_more() -> None:
    levels = [Level(pcesvn=100 - i) for i in range(33)]
    check_info(tcb_info(PLATFORM.issued, PLATFORM.fmspc, tdx=False, levels=levels[:16]))
    text = tcb_info(PLATFORM.issued, PLATFORM.fmspc, tdx=False, levels=levels)
    assert "json" in refused("tcb_levels", compact(text))


def compact(text: str) -> str:
    """Without the names of components, so that more levels fit."""
    info = json.loads(text)
    for level in info["tcbLevels"]:
        for name, components in level["tcb"].items():
            if name != "pcesvn":
                level["tcb"][name] = [{"svn": component["svn"]} for component in components]
    return json.dumps(info, separators=(",", ":"))


def refused(function: str, text: str) -> str:
    """Why; fails when it isn't."""
    with pytest.raises(RevertedError) as refusal:
        intel().documents.call(function, text.encode("latin-1"))
    return f"{refusal.value} json"


BENT: dict[str, Callable[[str], str]] = {
    "white space": lambda text: text.replace(",", ", "),
    "another version": lambda text: text.replace('"version":', '"version":1'),
    "something behind": lambda text: text + " ",
    "another brace": lambda text: text + "}",
    "no end": lambda text: text[:-1],
    "an escape": lambda text: text.replace("UpToDate", "UpTo\\u0044ate", 1),
    "a key more": lambda text: text.replace('"tcbLevels"', '"more":1,"tcbLevels"', 1),
    "keys in another order": lambda text: json.dumps(
        dict(reversed(json.loads(text).items())), separators=(",", ":")
    ),
    "a number with a zero before it": lambda text: text.replace('Number":18', 'Number":018'),
    "a negative number": lambda text: text.replace('Number":18', 'Number":-1'),
    "a number that is a string": lambda text: text.replace('Number":18', 'Number":"18"'),
    "a number too long": lambda text: text.replace('Number":18', 'Number":181818'),
    "no day of the year": lambda text: text.replace("-13T", "-32T"),
    "another status": lambda text: text.replace("UpToDate", "UpToDat3"),
    "a status in other letters": lambda text: text.replace("UpToDate", "uptodate"),
    "no level": lambda text: json.dumps(
        json.loads(text) | {"tcbLevels": []}, separators=(",", ":")
    ),
}


@pytest.mark.parametrize("name", BENT)
def test_no_other_form_is_taken(name: str) -> None:
    for function, text in (("tcb_levels", INFO), ("qe_identity", IDENTITY)):
        bent = BENT[name](text)
        assert bent != text
        refused(function, bent)


@pytest.mark.parametrize("name", ["svn of 256", "15 components", "17 components", "no pcesvn"])
def test_levels_of_another_shape_are_refused(name: str) -> None:
    info = json.loads(INFO)
    tcb = info["tcbLevels"][0]["tcb"]
    if name == "svn of 256":
        tcb["sgxtcbcomponents"][5]["svn"] = 256
    elif name == "no pcesvn":
        del tcb["pcesvn"]
    else:
        components = tcb["tdxtcbcomponents"]
        tcb["tdxtcbcomponents"] = components[:15] if name[:2] == "15" else [*components, {"svn": 0}]
    refused("tcb_levels", json.dumps(info, separators=(",", ":")))


def test_a_module_version_stands_once() -> None:
    text = tcb_info(PLATFORM.issued, PLATFORM.fmspc, modules=(Module(1), Module(1)))
    refused("tcb_levels", text)


def test_levels_of_a_component_descend() -> None:
    levels = (Component(4), Component(4, "OutOfDate"))
    refused("qe_identity", qe_identity(PLATFORM.issued, levels=levels))
    refused("tcb_levels", tcb_info(1, PLATFORM.fmspc, modules=(Module(levels=levels),)))


@pytest.mark.parametrize("status", ["SWHardeningNeeded", "OutOfDateConfigurationNeeded"])
def test_a_component_has_no_other_status(status: str) -> None:
    refused("qe_identity", qe_identity(PLATFORM.issued, levels=(Component(4, status),)))


def test_characters_changed_at_random_are_refused_or_seen() -> None:
    """What is read differs, or the document is refused; dates of modules' levels aren't kept."""
    rng = random.Random(9)
    info = json.loads(INFO)
    info["tcbLevels"] = [level | {"advisoryIDs": []} for level in info["tcbLevels"]]
    text = compact(json.dumps(info, separators=(",", ":")))
    whole = outcome(text)
    unkept = range(text.index("tdxModuleIdentities"), text.index('"sgxtcbcomponents"'))
    for _ in range(FEW):
        place = rng.randrange(len(text))
        if place in unkept and text[place].isdigit():
            continue
        changed = text[:place] + chr(rng.randrange(32, 127)) + text[place + 1 :]
        if changed.lower() != text.lower():
            assert outcome(changed) != whole, changed[max(0, place - 40) : place + 40]


def outcome(text: str) -> object:
    try:
        head = intel().documents.call("tcb_head", text.encode()[:256])
        return head, intel().documents.call("tcb_levels", text.encode())
    except RevertedError:
        return None
