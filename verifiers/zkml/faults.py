# SPDX-License-Identifier: Apache-2.0
"""What can go wrong with files of the method, and with jobs under it."""

from __future__ import annotations

from verifiers.zkml.errors import ZkError


class BundleError(ZkError):
    """A bundle's folder is incomplete, or its files don't belong together."""

    CODE = "MN-ZK-030"


class SrsMissingError(ZkError):
    """The ceremony's file is not here, and nothing downloads it unasked."""

    CODE = "MN-ZK-031"


class SrsWrongError(ZkError):
    """A setup's file is not the one it should be."""

    CODE = "MN-ZK-032"


class SamplesError(ZkError):
    """Samples that are none of the model's inputs."""

    CODE = "MN-ZK-033"


class VersionError(ZkError):
    """Files of another version of ezkl."""

    CODE = "MN-ZK-034"


class RederivedError(ZkError):
    """Something came out otherwise when it was made again."""

    CODE = "MN-ZK-035"


class DevelopmentSetupError(ZkError):
    """A development setup on a chain whose coins are worth something."""

    CODE = "MN-ZK-036"


class NotListedError(ZkError):
    """The market lists no method zkml."""

    CODE = "MN-ZK-050"


class ItemCountError(ZkError):
    """A job under zkml has exactly one input."""

    CODE = "MN-ZK-051"


class ArtifactError(ZkError):
    """The card lists no circuit, or not that of the model's record."""

    CODE = "MN-ZK-052"


class NotAdmittedError(ZkError):
    """A job about a model whose circuit was not prepared here."""

    CODE = "MN-ZK-053"


class PublicInputError(ZkError):
    """A private job about a model whose circuit shows its input."""

    CODE = "MN-ZK-055"


class NotPlacedError(ZkError):
    """The chain lacks the verifier or the program that an artifact names: no proof is paid."""

    CODE = "MN-ZK-056"


class UnvouchedError(ZkError):
    """Nobody but its publisher vouches for a model, whose program alone decides."""

    CODE = "MN-ZK-054"
