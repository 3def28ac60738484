# SPDX-License-Identifier: Apache-2.0
"""Where quotes come from. But for the simulated one, none has run on hardware yet.

They speak the interfaces of the kernel, of dstack and of Gramine as these document them, and are
exercised against stand-ins that keep to the same rules.
"""

from verifiers.teeml.providers.base import Evidence, QuoteProvider
from verifiers.teeml.providers.configfs import ConfigfsTsm
from verifiers.teeml.providers.dstack import Dstack
from verifiers.teeml.providers.gramine import Gramine
from verifiers.teeml.providers.simulated import SimulatedProvider

__all__ = [
    "ConfigfsTsm",
    "Dstack",
    "Evidence",
    "Gramine",
    "QuoteProvider",
    "SimulatedProvider",
    "find_provider",
]


def find_provider() -> QuoteProvider | None:
    """The hardware's provider on this machine; None where there is none."""
    known: tuple[QuoteProvider, ...] = (Dstack(), ConfigfsTsm(), Gramine())
    return next((provider for provider in known if provider.available()), None)
