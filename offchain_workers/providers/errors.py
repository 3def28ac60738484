# SPDX-License-Identifier: Apache-2.0
"""What goes wrong with leases."""

from __future__ import annotations

from typing import ClassVar

from offchain_workers.errors import FusionError


class ProviderError(FusionError):
    """Base: a subclass fixes the code."""

    CODE: ClassVar[str]

    def __init__(self, message: str) -> None:
        super().__init__(self.CODE, message)


class WishInvalidError(ProviderError):
    """A wish that no source can understand."""

    CODE = "MN-PROV-001"


class SourceUnavailableError(ProviderError):
    """The source does not answer, or not now: what was asked may have been done nevertheless."""

    CODE = "MN-PROV-002"


class KeyRefusedError(ProviderError):
    """No key for the source, or one that it does not take."""

    CODE = "MN-PROV-003"


class CreditError(ProviderError):
    """The account at the source can't pay."""

    CODE = "MN-PROV-004"


class SourceNonsenseError(ProviderError):
    """An answer that does not follow the source's published API."""

    CODE = "MN-PROV-005"


class OrderRefusedError(ProviderError):
    """The source refuses what was asked, for good."""

    CODE = "MN-PROV-006"


class NoOfferError(ProviderError):
    """Nobody offers what was wished at the price in the time given; nothing is left running."""

    CODE = "MN-PROV-007"


class NotUpError(ProviderError):
    """What was leased did not answer in time; it was given back."""

    CODE = "MN-PROV-008"


class UnknownLeaseError(ProviderError):
    """No lease of that name."""

    CODE = "MN-PROV-009"


class UnknownSourceError(ProviderError):
    """No offer source of that name."""

    CODE = "MN-PROV-010"


class StillRunningError(ProviderError):
    """A lease that could not be given back: it may still cost money."""

    CODE = "MN-PROV-011"
