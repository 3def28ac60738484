# SPDX-License-Identifier: Apache-2.0
"""`fusion plan`, `post --task`, `explain`, `verify-decision`, on a chain with two operators."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from offchain_workers.models.demo import digits
from offchain_workers.routing.record import DecisionRecord
from tests.cli.market import Market

WISH = ("--task", "digits", "--members", "2")


@pytest.fixture
def digit(home: Path) -> str:
    path = home / "digit.bin"
    path.write_bytes(digits().samples[0][1])
    return str(path)


def posted(market: Market, digit: str, *more: str) -> dict[str, Any]:
    args = (*WISH, "--input", digit, "--best-effort", *more)
    return market.run("requester", "post", *args)


def test_a_wish_gets_a_plan_and_nothing_is_sent(market: Market, offered: str) -> None:
    before = market.blocks()
    data = market.read("plan", *WISH, "--prefer", "safe", "--max-price", "0.01")
    assert market.blocks() == before
    choice = data["choice"]
    assert (choice["model"], choice["method"], choice["members"]) == ("digits", "none", 2)
    assert choice["price"] == str(10**15)
    assert choice["subnet"] == "to be formed"
    by_method = {row["method"]: row for row in data["candidates"]}
    assert by_method["none"]["rank"] == 1
    assert by_method["opml"]["reasons"] == by_method["zkml"]["reasons"] == ["artifact"]
    assert data["record"]["request"]["max_price"] == str(10**16)
    shown = market.shown("plan", *WISH, "--prefer", "safe")
    assert "digits" in shown
    assert "quality" in shown


def test_a_plan_is_kept_and_can_be_written_to_a_file(
    market: Market, offered: str, home: Path
) -> None:
    out = home / "plan.json"
    data = market.read("plan", *WISH, "--out", str(out))
    record = DecisionRecord.from_canonical(out.read_bytes())
    assert record.cid == data["decision"]
    assert json.loads(out.read_bytes()) == data["record"]


LIMITS = [
    (("--max-price", "0.0001"), "price ("),
    (("--tier", "web3_share"), "tier ("),
    (("--region", "7"), "region ("),
    (("--min-quality", "99%"), "quality ("),
    (("--prefer", "private"), "privacy ("),
    (("--method", "zkml"), "method ("),
    (("--attester", "0x" + "b0" * 20), "attestation ("),
    (("--members", "3"), "members ("),
]
UNKNOWN = [
    (("--task", "digit"), "no model for task digit: did you mean digits?"),
    (("--task", "digits", "--method", "zkm"), "no method zkm: did you mean zkml?"),
]


def test_a_name_that_nobody_has_is_told_with_what_is_near(
    market: Market, offered: str, fusion: Any
) -> None:
    for args, line in UNKNOWN:
        code, _, err = fusion("plan", *args)
        assert (code, line in err) == (1, True)


def test_what_can_not_be_met_says_why(market: Market, offered: str, fusion: Any) -> None:
    for limits, reason in LIMITS:
        code, _, err = fusion("plan", *WISH, *limits)
        assert (code, err.startswith("error MN-ROUTE-011")) == (1, True)
        assert reason in err
        code, out, _ = fusion("plan", *WISH, *limits, "--json")
        assert (code, json.loads(out)["choice"]) == (1, None)


TYPOS = [
    (("--task", "no such task!"), "MN-ROUTE-010"),
    ((), "MN-ROUTE-010"),
    (("--task", "digits", "--model", "digits"), "MN-ROUTE-010"),
    (("--task", "digits", "--max-price", "0"), "MN-ROUTE-010"),
    (("--task", "digits", "--max-price", "cheap"), "MN-CLI-001"),
    (("--task", "digits", "--max-latency", "soon"), "MN-CLI-002"),
    (("--task", "digits", "--min-quality", "good"), "MN-CLI-005"),
    (("--wish", "/no/such/file"), "MN-CLI-021"),
    (("--wish", "/dev/null"), "MN-ROUTE-010: wish"),
]


def test_a_typo_is_one_clear_line(market: Market, published: str, fusion: Any) -> None:
    for args, code in TYPOS:
        exit_code, _, err = fusion("plan", *args)
        assert (exit_code, err.count("\n")) == (1, 1)
        assert err.startswith(f"error {code}: ")
        assert "Value error" not in err


@pytest.mark.parametrize("limit", [("--max-latency", "5s"), ("--min-quality", "99%")])
def test_a_limit_that_only_the_router_knows_is_refused_without_a_wish(
    market: Market, published: str, fusion: Any, digit: str, limit: tuple[str, str]
) -> None:
    code, _, err = fusion("post", "--model", "digits", "--input", digit, *limit)
    told = " ".join(err.replace("│", " ").split())
    assert (code, "go with --task or --prefer" in told) == (2, True)


def test_too_few_offers_for_a_job_are_found_before_a_tip_is_paid(
    market: Market, offered: str, digit: str
) -> None:
    before = market.blocks()
    args = ("post", "--model", "digits", "--members", "3", "--input", digit)
    code, message = market.refused("requester", *args)
    assert code == "MN-CLI-027"
    assert "2 offers under method none" in message
    assert market.blocks() == before


def test_a_wished_job_is_explained_and_its_decision_verified(
    market: Market, offered: str, digit: str
) -> None:
    job = posted(market, digit)
    decision = job["decision"]
    explained = market.read("explain", job["id"])
    assert explained["decision"] == decision
    assert explained["choice"]["method"] == "none"
    verified = market.read("verify-decision", job["id"])
    assert (verified["agrees"], verified["differences"]) == (True, [])
    assert "as the rules give it" in market.shown("verify-decision", job["id"])
    _use_the_live_subnet(market, digit, job)
    _change_the_market(market, offered, job)


def _use_the_live_subnet(market: Market, digit: str, first: dict[str, Any]) -> None:
    """A second wish of the kind forms nothing."""
    second = posted(market, digit)
    sent = [each["what"] for each in second["transactions"]]
    assert sent == ["post the job"]
    record = market.read("explain", second["id"])
    assert record["choice"]["subnet"].startswith("0x")
    assert first["decision"] != second["decision"]
    assert market.read("verify-decision", second["id"])["agrees"]


def _change_the_market(market: Market, offered: str, job: dict[str, Any]) -> None:
    """What comes later changes no verdict."""
    market.run(
        "operator", "operator", "offer", offered, "--price", "1 gwei", "--tier", "web2_cloud"
    )
    market.next_epoch()
    assert market.read("verify-decision", job["id"])["agrees"]


def test_a_job_without_a_plan_has_nothing_to_explain(
    market: Market, offered: str, digit: str
) -> None:
    job = market.run(
        "requester", "post", "--model", "digits", "--members", "2", "--input", digit,
        "--best-effort",
    )  # fmt: skip
    assert job["decision"] is None
    for asked in ("explain", "verify-decision"):
        assert market.refused(None, asked, job["id"])[0] == "MN-ROUTE-015"


NO_JOBS = [
    ("digits", "MN-CLI-004"),
    ("0x12", "MN-CLI-004"),
    ("0x" + "zz" * 32, "MN-CLI-004"),
    ("0x" + "\u0661" * 64, "MN-CLI-004"),
    ("0x" + "00" * 32, "MN-REQ-007"),
    ("0x" + "AB" * 32, "MN-REQ-007"),
]


@pytest.mark.parametrize("asked", ["explain", "verify-decision"])
def test_what_is_no_job_is_one_clear_line(
    market: Market, published: str, fusion: Any, asked: str
) -> None:
    for job, expected in NO_JOBS:
        code, out, err = fusion(asked, job)
        assert (code, out, err.count("\n")) == (1, "", 1), job
        assert err.startswith(f"error {expected}: ")


def test_a_router_that_hides_an_offer_is_exposed(
    market: Market, offered: str, digit: str, home: Path, fusion: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """A dishonest poster: the plan is made as if the backup did not exist."""
    from offchain_workers.cli import wishes

    real = wishes.market_at
    hidden = market.site.address("backup")

    def hiding(*args: Any, **named: Any) -> Any:
        from dataclasses import replace

        found = real(*args, **named)
        return replace(found, offers=[o for o in found.offers if o.operator != hidden])

    with monkeypatch.context() as patched:
        patched.setattr(wishes, "market_at", hiding)
        args = ("--task", "digits", "--members", "1", "--input", digit, "--best-effort")
        job = market.run("requester", "post", *args)
    code, out, _ = fusion("verify-decision", job["id"], "--json")
    data = json.loads(out)
    assert (code, data["agrees"]) == (1, False)
    assert "hidden_offer" in {each["fault"] for each in data["differences"]}
    code, out, err = fusion("verify-decision", job["id"])
    assert code == 1
    assert "THE DECISION IS NOT WHAT THE RULES GIVE" in out
    assert err.startswith("error MN-ROUTE-016")


def test_a_changed_wish_is_seen_by_who_wished(
    market: Market, offered: str, digit: str, home: Path, fusion: Any
) -> None:
    job = posted(market, digit, "--prefer", "cheap")
    mine = home / "wish.json"
    wish = market.read("explain", job["id"])["record"]["request"]
    mine.write_text(json.dumps(wish))
    assert market.read("verify-decision", job["id"], "--wish", str(mine))["agrees"]
    mine.write_text(json.dumps(wish | {"prefer": "safe"}))
    code, out, _ = fusion("verify-decision", job["id"], "--wish", str(mine), "--json")
    assert code == 1
    assert [each["fault"] for each in json.loads(out)["differences"]] == ["request"]


def test_a_model_is_evaluated_and_a_forged_card_is_seen(
    market: Market, published: str, home: Path, fusion: Any
) -> None:
    data = market.read("model", "evaluate", "digits")
    assert (data["suite"], data["right"], data["items"]) == ("digits@1", 352, 360)
    assert data["agrees"]
    onnx, card = str(home / "digits.onnx"), home / "digits.json"
    tree = json.loads(card.read_text())
    tree["accuracy"] = {"suite": {"name": "digits@1", "items": 360, "right": 360}}
    card.write_text(json.dumps(tree))
    code, out, _ = fusion("model", "evaluate", onnx, "--card", str(card), "--json")
    assert (code, json.loads(out)["agrees"]) == (1, False)
    code, _, err = fusion("model", "evaluate", onnx, "--card", str(card))
    assert err.startswith("error MN-ROUTE-021")
    written = market.read("model", "evaluate", onnx, "--card", str(card), "--write")
    assert json.loads(card.read_text())["accuracy"] == written["figures"]
    assert market.read("model", "evaluate", onnx, "--card", str(card))["agrees"]
