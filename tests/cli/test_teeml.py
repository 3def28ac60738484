# SPDX-License-Identifier: Apache-2.0
"""`fusion teeml` on real quotes and on a simulated platform's."""

from __future__ import annotations

import base64
import json
import time
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Fusion
from tests.teeml.bundles import FOLDER, GENUINE, Bundle
from tests.teeml.service import serving
from verifiers.teeml.gpus import GpuClaims, GpuEvidence
from verifiers.teeml.simulated import Authority, Level, Platform, tcb_info, td_report
from verifiers.teeml.simulated.authority import pem

ACCEPT_ALL = ("OutOfDate", "ConfigurationAndSWHardeningNeeded", "UpToDate")


def files(name: str) -> tuple[str, ...]:
    folder = FOLDER / name
    return "--quote", str(folder / "quote.bin"), "--collateral", str(folder / "collateral.json")


def verified(fusion: Fusion, *args: str) -> tuple[int, Any]:
    code, out, _ = fusion("teeml", "verify", *args, "--json")
    return code, json.loads(out)


@pytest.mark.parametrize("bundle", GENUINE, ids=lambda bundle: bundle.name)
def test_real_quotes_are_judged_at_their_time(fusion: Fusion, home: Path, bundle: Bundle) -> None:
    policy = home / "policy.json"
    policy.write_text(json.dumps({"statuses": ACCEPT_ALL}))
    given = (*files(bundle.name), "--at", str(bundle.now), "--policy", str(policy))
    code, found = verified(fusion, *given)
    assert code == 0
    assert found == {
        "accepted": True,
        "status": bundle.status,
        "advisories": list(bundle.advisories),
        "reason": "",
    }


def test_a_refused_quote_comes_with_its_reason(fusion: Fusion) -> None:
    code, found = verified(fusion, *files("v4-tdx-00806F050000-2025-07"), "--at", "1751880086")
    assert (code, found["accepted"], found["status"]) == (1, False, "OutOfDate")
    assert found["reason"] == "MN-TEE-040: the policy does not accept OutOfDate"


def test_an_advisory_is_denied_however_it_is_written(fusion: Fusion, home: Path) -> None:
    policy = {"statuses": ACCEPT_ALL, "denied_advisories": ["intel-sa-00289 "]}
    (home / "policy.json").write_text(json.dumps(policy))
    given = (*files("v3-sgx-00A067110000-2025-06"), "--at", "1750330631")
    code, found = verified(fusion, *given, "--policy", "policy.json")
    assert (code, found["reason"]) == (1, "MN-TEE-041: the policy denies INTEL-SA-00289")


def test_a_policy_with_the_examples_placeholder_is_refused_in_words(
    fusion: Fusion, home: Path
) -> None:
    (home / "policy.json").write_text(json.dumps({"measurements": [{"value": "0x..."}]}))
    _, _, error = fusion("teeml", "policy", "create", "policy.json", "--dry-run")
    assert "no policy: measurements.0.value: want 0x and hexadecimal digits" in error


def test_text_that_is_no_quote_is_called_text(fusion: Fusion, home: Path) -> None:
    (home / "quote").write_text(json.dumps({"report": "of something else altogether" * 3}))
    _, _, error = fusion("teeml", "inspect", "--quote", "quote")
    assert "MN-TEE-002" in error
    assert "it begins as text does" in error


def test_judged_now_old_collateral_is_refused(fusion: Fusion) -> None:
    code, out, _ = fusion("teeml", "verify", *files("v4-tdx-B0C06F000000-2025-06"))
    assert code == 1
    assert "Refused" in out


def test_a_simulated_platform_needs_its_root(fusion: Fusion, home: Path) -> None:
    machine = Platform()
    (home / "quote.hex").write_text("0x" + machine.quote(4, td_report()).hex() + "\n")
    (home / "collateral.json").write_text(json.dumps(machine.collateral()))
    (home / "root.pem").write_text(pem(machine.authority.root))
    (home / "other.pem").write_text(pem(machine.authority.platform_ca))
    given = ("--quote", "quote.hex", "--collateral", "collateral.json")
    when = ("--at", str(machine.issued + 1))
    assert verified(fusion, *given, *when, "--root", "root.pem")[1]["accepted"] is True
    assert verified(fusion, *given, *when)[1]["status"] == "Refused"
    code, found = verified(fusion, *given, *when, "--root", "other.pem")
    assert (code, found["error"]["code"]) == (1, "MN-TEE-005")


def test_inspect_shows_what_a_quote_says(fusion: Fusion) -> None:
    shown = {}
    for name in ("v3-sgx-00A067110000-2025-06", "v5-tdx-go-2026-02"):
        code, out, _ = fusion("teeml", "inspect", *files(name)[:2], "--json")
        assert code == 0
        shown[name[:2]] = json.loads(out)
    assert bytes.fromhex(shown["v3"]["report_data"][2:]).startswith(b"Hello, world!")
    assert (shown["v3"]["tee"], shown["v3"]["pcesvn"]) == ("sgx", 13)
    assert (shown["v5"]["tee"], shown["v5"]["fmspc"]) == ("tdx", "0x90c06f000000")
    assert shown["v5"]["attributes"].startswith("0x0000001")
    assert len(shown["v5"]["rtmrs"]) == 4


def test_what_can_t_be_read_is_said(fusion: Fusion, home: Path) -> None:
    (home / "empty").write_bytes(b"")
    codes = [
        fusion("teeml", "inspect", "--quote", "empty")[2],
        fusion("teeml", "inspect", "--quote", "missing")[2],
        fusion("teeml", "verify", *files("v5-tdx-go-2026-02"), "--policy", "empty")[2],
        fusion("teeml", "verify", "--quote", "empty", "--collateral", "empty")[2],
    ]
    expected = ["MN-TEE-001", "MN-CLI-021", "MN-TEE-004", "MN-TEE-003"]
    assert [line.split()[1].rstrip(":") for line in codes] == expected


def test_a_gpus_evidence_is_checked(fusion: Fusion) -> None:
    folder = FOLDER / "gpu-hopper"
    nonce = "0x" + (folder / "evidence.hex").read_text()[8:72]
    given = ("--evidence", str(folder / "evidence.hex"), "--chain", str(folder / "chain.pem"))
    code, out, _ = fusion("teeml", "gpu", *given, "--nonce", nonce, "--json")
    found = json.loads(out)
    assert (code, found["chip"], found["nonce"]) == (0, "GH100", nonce)
    assert len(found["measurements"]) == 64
    code, _, error = fusion("teeml", "gpu", *given, "--nonce", "0x" + "00" * 32)
    assert (code, error.split()[1]) == (1, "MN-TEE-063:")


def test_a_quote_is_read_as_people_have_it(fusion: Fusion, home: Path) -> None:
    """Hexadecimal, base64, an agent's answer; its collateral in a folder."""
    folder, at = FOLDER / "v5-tdx-go-2026-02", "1771411395"
    data = (folder / "quote.bin").read_bytes()
    (home / "hex").write_text(f"0x{data.hex()}\n")
    (home / "base64").write_bytes(base64.encodebytes(data))
    (home / "json").write_text(json.dumps({"quote": data.hex(), "event_log": "[]"}))
    (home / "capital").write_text(f"0X{data.hex().upper()}")
    (home / "url").write_bytes(base64.urlsafe_b64encode(data).rstrip(b"="))
    (home / "string").write_text(json.dumps(data.hex()))
    (home / "intel").write_text("\ufeff" + json.dumps({"intel_quote": data.hex()}))
    for name in ("hex", "base64", "json", "capital", "url", "string", "intel"):
        given = ("--quote", name, "--collateral", str(folder), "--at", at)
        code, found = verified(fusion, *given)
        assert (code, found["status"]) == (0, "UpToDate")


def test_a_file_without_end_is_not_read_to_its_end(fusion: Fusion) -> None:
    _, _, first = fusion("teeml", "inspect", "--quote", "/dev/zero")
    quote = files("v5-tdx-go-2026-02")[:2]
    _, _, second = fusion("teeml", "verify", *quote, "--collateral", "/dev/zero")
    assert [line.split()[1] for line in (first, second)] == ["MN-CLI-021:", "MN-TEE-003:"]


def test_claims_about_gpus_are_shown_and_checked(fusion: Fusion, home: Path) -> None:
    """Of the recorded device, as an enclave would have made them."""
    folder = FOLDER / "gpu-hopper"
    evidence = bytes.fromhex((folder / "evidence.hex").read_text().strip())
    one = GpuEvidence(evidence, (folder / "chain.pem").read_bytes())
    claims = GpuClaims.of(evidence[4:36], [one])
    (home / "claims.json").write_bytes(claims.encode())
    code, out, _ = fusion("teeml", "gpu", "--claims", "claims.json", "--json")
    digest = "0x" + claims.digest().hex()
    line = "GH100, driver 550.90.07, VBIOS 009f009601000000"
    found = json.loads(out)
    assert (code, found["gpu_claims"], found["gpus"]) == (0, digest, [line])
    quote = files("v5-tdx-go-2026-02")[:2]
    code, out, _ = fusion("teeml", "inspect", *quote, "--gpu", "claims.json", "--json")
    shown = json.loads(out)
    assert (code, shown["gpu_claims"], shown["gpus"]) == (0, digest, [line])
    report = claims.check(1_750_000_000)[0]
    wrong = {f"{report.driver}/{report.vbios}": {"9": "ff" * 48}}
    (home / "golden.json").write_text(json.dumps(wrong))
    given = ("--claims", "claims.json", "--golden", "golden.json")
    code, _, error = fusion("teeml", "gpu", *given)
    assert (code, error.split()[1]) == (1, "MN-TEE-065:")
    code, _, error = fusion("teeml", "gpu", "--claims", "golden.json")
    assert (code, error.split()[1]) == (1, "MN-TEE-067:")
    assert fusion("teeml", "gpu", "--claims", "claims.json", "--nonce", "0x00")[0] == 2
    assert fusion("teeml", "gpu")[0] == 2


def test_collateral_is_fetched_and_a_recovery_announced(fusion: Fusion, home: Path) -> None:
    now = int(time.time())
    machine = Platform(Authority(until=now + 86_400), issued=now - 60)
    levels = [Level((9,) * 16), Level(status="OutOfDate")]
    early = machine.collateral(tcb=tcb_info(machine.issued, machine.fmspc, levels=levels))
    (home / "quote").write_bytes(machine.quote(4, td_report()))
    (home / "root.pem").write_text(pem(machine.authority.root))
    with serving({"standard": machine.collateral(), "early": early}) as service:
        given = ("--pcs", service.url, "--root-crl", f"{service.url}/root.crl")
        where = ("--quote", "quote", "--out", "found.json", "--root", "root.pem")
        code, out, _ = fusion("teeml", "collateral", "fetch", *given, *where, "--json")
        nowhere = ("--quote", "quote", "--out", "missing/found.json", "--root", "root.pem")
        _, _, error = fusion("teeml", "collateral", "fetch", *given, *nowhere)
    assert error.split()[1] == "MN-CLI-021:"
    assert code == 0
    assert json.loads(out) == {
        "out": "found.json",
        "status": "UpToDate",
        "reason": "",
        "early_status": "OutOfDate",
        "recovery_is_coming": True,
    }
    assert json.loads((home / "found.json").read_text()) == machine.collateral()
