# SPDX-License-Identifier: Apache-2.0
"""The chain: endpoints, clock, contracts."""

from __future__ import annotations

import time
from collections.abc import Iterator

from web3.exceptions import Web3Exception

from offchain_workers.chain.artifact import load
from offchain_workers.chain.contracts import Network
from offchain_workers.chain.contracts.base import ContractWrapper
from offchain_workers.chain.errors import ChainError
from offchain_workers.chain.rpc import RpcPool
from offchain_workers.cli.checks.finding import Finding, broken, fail, ok, warn

_AHEAD_SECONDS, _BEHIND_SECONDS = 15, 600
# The three contracts keep at most this many immutable words behind their code.
_MAX_IMMUTABLES = 16


def endpoints(pool: RpcPool) -> Iterator[Finding]:
    """Each endpoint: reachable, on the right chain, at the same height."""
    refusal: ChainError | None = None
    try:
        pool.refresh()
    except ChainError as error:
        refusal = error
    rows = pool.health()
    usable = any(row.state == "ok" for row in rows)
    for row in rows:
        if row.state == "ok":
            yield ok("rpc", f"{row.url}: height {row.height}, {row.lag or 0} behind")
        else:
            level = warn if usable else fail
            why = f"{row.url}: {row.last_error}"
            yield level("rpc", "MN-CLI-063", why, "mend or remove this endpoint")
    if refusal and usable:
        yield broken("rpc", refusal, "check chain.rpc_urls and chain.chain_id")
    if len(rows) < 2:
        yield warn(
            "rpc", "MN-CLI-064", "only one endpoint: it could stall or lie unnoticed",
            "add a second one to chain.rpc_urls",
        )  # fmt: skip


def clock(pool: RpcPool) -> Iterator[Finding]:
    """Deadlines are in chain time: it and this machine's clock must agree."""
    header = pool.header("latest")
    if header is None:
        yield fail("clock", "MN-CLI-065", "the chain shows no latest block", "check the endpoint")
        return
    ahead = int(header.timestamp - time.time())
    if -_BEHIND_SECONDS <= ahead <= _AHEAD_SECONDS:
        yield ok("clock", f"chain {pool.chain_id} is at block {header.number}, {-ahead} s ago")
    elif ahead > 0:
        yield warn(
            "clock", "MN-CLI-065", f"the last block is {ahead} s ahead of this machine's clock",
            "set the clock (NTP); a development chain's time may have been moved",
        )  # fmt: skip
    else:
        yield warn(
            "clock", "MN-CLI-065", f"the last block is {-ahead} s old",
            "check the clock and the endpoint; an idle development chain makes no blocks",
        )  # fmt: skip


def contracts(network: Network) -> Iterator[Finding]:
    """Each contract is there, is the version that we ship, and knows the others."""
    market, models, subnets = network.marketplace, network.models, network.subnets
    parts: tuple[ContractWrapper, ...] = (market, models, subnets)
    try:
        found = [_version(part) for part in parts]
        yield from found
        if all(finding.code is None for finding in found):
            yield _wiring(network)
    except (ChainError, Web3Exception) as error:
        yield fail("contracts", "MN-CHAIN-031", str(error), "check the deployment file")


def _version(part: ContractWrapper) -> Finding:
    code = bytes(part.w3.eth.get_code(part.w3.to_checksum_address(part.address)))
    if not code:
        return fail(
            "contracts", "MN-CHAIN-031", f"no contract at {part.address} ({part.NAME})",
            "check the chain and the deployment file",
        )  # fmt: skip
    if shipped(part.NAME, code):
        return ok("contracts", f"{part.NAME} at {part.address}")
    return fail(
        "contracts", "MN-CLI-066", f"{part.address} is not the {part.NAME} of this version",
        "check the address, or use the version that it was deployed with",
    )  # fmt: skip


def shipped(name: str, code: bytes) -> bool:
    """Whether deployed ``code`` is our artifact's, whatever its immutables behind it."""
    creation = load(name).bytecode
    tails = (32 * words for words in range(_MAX_IMMUTABLES + 1))
    return any(len(code) > 2 * tail and code[: len(code) - tail] in creation for tail in tails)


def _wiring(network: Network) -> Finding:
    market, models, subnets = network.marketplace, network.models, network.subnets
    pairs = (
        (market.read("SUBNETS"), subnets.address),
        (market.read("MODELS"), models.address),
        (models.read("SUBNETS"), subnets.address),
        (subnets.read("MARKET"), market.address),
        (subnets.read("MODELS"), models.address),
    )
    if all(told == real for told, real in pairs):
        return ok("contracts", "they name one another")
    return fail(
        "contracts", "MN-CLI-067", "the addresses are not of one deployment",
        "use the deployment file as `fusion deploy` wrote it",
    )  # fmt: skip
