# SPDX-License-Identifier: Apache-2.0
"""No signed bit is free on a chain with the P-256 precompile: 20,000 flips on anvil."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from web3 import HTTPProvider, Web3
from web3.exceptions import ContractLogicError

from offchain_workers.chain.call import Call
from offchain_workers.chain.contracts.teeml import TeeContracts, deploy_tee
from offchain_workers.chain.wallet import Wallet
from offchain_workers.devnet import Devnet
from tests.teeml.bundles import GENUINE, Bundle
from tests.teeml.flips import Flip, flips
from verifiers.teeml.collateral import Collateral
from verifiers.teeml.errors import TeeError
from verifiers.teeml.onchain import INTEL_WORDS, Step, chosen, quote_words, steps
from verifiers.teeml.quote import Quote

SEED = 13
MOST_GAS = 16_777_216

pytestmark = [pytest.mark.anvil, pytest.mark.slow]


@dataclass(frozen=True)
class Site:
    """The contracts on anvil, at a bundle's own time."""

    w3: Web3
    wallet: Wallet
    tee: TeeContracts

    def refuses(self, call: Call) -> bool:
        sent = {"from": self.wallet.address, "to": call.to, "data": call.data, "gas": MOST_GAS}
        try:
            self.w3.eth.call(sent)
        except ContractLogicError:
            return True
        return False

    def step(self, step: Step) -> Call:
        return self.tee.collateral.call(step.function, *step.args)

    def judge(self, quote: bytes, given: Collateral) -> Call:
        """Raises TeeError."""
        words = quote_words(Quote.parse(quote))
        return self.tee.dcap.call("verify", words, *chosen(given))


def accepted(site: Site, bundle: Bundle, drawn: list[Flip]) -> Iterator[Flip]:
    """Each flip is tried where the healthy piece would be taken next."""
    given = Collateral.parse(bundle.collateral)
    changed = [(one, steps(one.given)) for one in drawn]
    for at, healthy in enumerate(steps(given)):
        for one, others in changed:
            if others[at] != healthy and not site.refuses(site.step(others[at])):
                yield one
        site.wallet.send(site.step(healthy))
    assert not site.refuses(site.judge(bundle.quote, given))
    for one, others in changed:
        if others == steps(given) and not _is_refused(site, one):
            yield one


def _is_refused(site: Site, one: Flip) -> bool:
    try:
        return site.refuses(site.judge(one.quote, one.given))
    except TeeError:
        return True


@pytest.mark.parametrize("bundle", GENUINE, ids=lambda bundle: bundle.name)
def test_no_signed_bit_is_free_on_anvil(bundle: Bundle, anvil: Devnet) -> None:
    anvil.rpc("evm_setTime", bundle.now)
    w3, owner = Web3(HTTPProvider(anvil.url)), anvil.accounts[0]
    wallet = Wallet(w3, owner)
    site = Site(w3, wallet, deploy_tee(w3, wallet, INTEL_WORDS))
    drawn = flips(bundle, 20_000 // len(GENUINE), SEED)
    assert list(accepted(site, bundle, drawn)) == []
