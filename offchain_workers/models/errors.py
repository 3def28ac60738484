# SPDX-License-Identifier: Apache-2.0
"""What can be wrong with a card, with an input, or with an answer."""

from __future__ import annotations

from typing import ClassVar

from offchain_workers.errors import FusionError


class CodecError(FusionError):
    """Any failure between a file and a tensor; raise one of the subclasses."""

    CODE: ClassVar[str]

    def __init__(self, message: str) -> None:
        super().__init__(self.CODE, message)


class InvalidCardError(CodecError):
    """A model card that breaks the schema or is not in canonical form."""

    CODE = "MN-CODEC-001"


class WireLengthError(CodecError):
    """Item bytes whose length is not what the card says."""

    CODE = "MN-CODEC-002"


class TensorError(CodecError):
    """An array whose shape, type or values do not fit the card's tensor."""

    CODE = "MN-CODEC-003"


class UnreadableInputError(CodecError):
    """An input that is not in any form that the codec reads, or a file that can't be read."""

    CODE = "MN-CODEC-004"


class UnknownCodecError(CodecError):
    """No codec of that name is installed."""

    CODE = "MN-CODEC-005"


class InvalidAnswerError(CodecError):
    """Output bytes that no honest run of the model gives (NaN, for example)."""

    CODE = "MN-CODEC-006"


class DemoModelError(CodecError):
    """A demo model's package is missing, or its files are not the pinned ones."""

    CODE = "MN-CODEC-008"


class ModelUnknownError(CodecError):
    """No published model has that id or name."""

    CODE = "MN-CODEC-010"


class ModelAmbiguousError(CodecError):
    """Several published models fit a short id or a name."""

    CODE = "MN-CODEC-011"
