# SPDX-License-Identifier: Apache-2.0
"""What keeps a daemon from listening, and what is wrong with an input."""

from __future__ import annotations

from typing import ClassVar

from eth_abi.exceptions import DecodingError
from web3.exceptions import Web3Exception

from offchain_workers.errors import FusionError

# What web3 raises of an endpoint's answer that it can't read, or that is a refusal. No loop ends
# with that: the next answer may be sound.
NONSENSE = (Web3Exception, DecodingError, ValueError, TypeError, AttributeError, LookupError)


class EndpointInUseError(FusionError):
    """A daemon's HTTP endpoint can't be opened."""

    def __init__(self, message: str) -> None:
        super().__init__("MN-WORKER-004", message)


class InputRefusedError(FusionError):
    """Base: a subclass fixes the code and says in ``TEXT`` what is wrong."""

    CODE: ClassVar[str]
    TEXT: ClassVar[str]

    def __init__(self, detail: str = "") -> None:
        super().__init__(self.CODE, f"{self.TEXT}: {detail}" if detail else self.TEXT)
        self.detail = detail


class PostUnreadableError(InputRefusedError):
    """Post data that name no input."""

    CODE, TEXT = "MN-WORKER-101", "the terms or the post data can't be read"


class InputUnavailableError(InputRefusedError):
    """Nobody serves it; that may pass."""

    CODE, TEXT = "MN-WORKER-112", "the input can't be fetched"


class InputTooLargeError(InputRefusedError):
    """More bytes than the items that the terms count."""

    CODE, TEXT = "MN-WORKER-113", "the input is larger than the terms allow"


class InputMisfitError(InputRefusedError):
    """No whole number of items, or not as many as the terms say."""

    CODE, TEXT = "MN-WORKER-114", "the input does not fit the model's signature"


class InputSealedError(InputRefusedError):
    """In a box that this worker can't open, or under a method that hides nothing."""

    CODE, TEXT = "MN-WORKER-133", "the input is sealed, and not to this worker"


class CommitmentMismatchError(InputRefusedError):
    """Other bytes than the terms commit to."""

    CODE, TEXT = "MN-WORKER-115", "the input is not the one that is committed to"
