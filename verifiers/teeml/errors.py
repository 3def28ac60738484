# SPDX-License-Identifier: Apache-2.0
"""Why evidence of trusted hardware is refused."""

from __future__ import annotations

from typing import ClassVar

from offchain_workers.errors import FusionError


class TeeError(FusionError):
    """Base: a subclass fixes the code."""

    CODE: ClassVar[str]

    def __init__(self, message: str) -> None:
        super().__init__(self.CODE, message)


class QuoteShapeError(TeeError):
    """These bytes are no quote."""

    CODE = "MN-TEE-001"


class QuoteKindError(TeeError):
    """A quote of a kind that is not accepted: version, key type, body, certification data."""

    CODE = "MN-TEE-002"


class CollateralFileError(TeeError):
    """A file that has no collateral in it."""

    CODE = "MN-TEE-003"


class PolicyFileError(TeeError):
    """A file that is no policy."""

    CODE = "MN-TEE-004"


class RootFileError(TeeError):
    """A root other than Intel's whose name does not say SIMULATED, or no certificate at all."""

    CODE = "MN-TEE-005"


class CertificateError(TeeError):
    """A certificate that has not the shape or the name of its role."""

    CODE = "MN-TEE-010"


class ChainError(TeeError):
    """A certificate or revocation list that its issuer did not sign, or a foreign root."""

    CODE = "MN-TEE-011"


class CertificateTimeError(TeeError):
    """A certificate outside its validity."""

    CODE = "MN-TEE-012"


class RevokedError(TeeError):
    """A certificate on its issuer's revocation list."""

    CODE = "MN-TEE-013"


class RevocationListError(TeeError):
    """A revocation list that is malformed, of another issuer, or outside its window."""

    CODE = "MN-TEE-014"


class CollateralShapeError(TeeError):
    """TCB info or QE identity that can't be read."""

    CODE = "MN-TEE-020"


class CollateralSignatureError(TeeError):
    """TCB info or QE identity that its signer did not sign."""

    CODE = "MN-TEE-021"


class CollateralTimeError(TeeError):
    """TCB info or QE identity outside its window."""

    CODE = "MN-TEE-022"


class CollateralMismatchError(TeeError):
    """TCB info or QE identity of another platform or kind."""

    CODE = "MN-TEE-023"


class QuoteSignatureError(TeeError):
    """The attestation key did not sign the quote."""

    CODE = "MN-TEE-030"


class QeSignatureError(TeeError):
    """The platform's PCK did not sign the quoting enclave's report."""

    CODE = "MN-TEE-031"


class QeBindingError(TeeError):
    """The quoting enclave's report does not name the attestation key."""

    CODE = "MN-TEE-032"


class QeIdentityError(TeeError):
    """The quoting enclave is not the vendor's."""

    CODE = "MN-TEE-033"


class NoLevelError(TeeError):
    """No TCB level covers the platform, its TDX module or its quoting enclave."""

    CODE = "MN-TEE-034"


class AttributesError(TeeError):
    """DEBUG or another attribute that gives the enclave's secrets away."""

    CODE = "MN-TEE-035"


class ServiceTdError(TeeError):
    """A service TD may change this trust domain."""

    CODE = "MN-TEE-036"


class TdxModuleError(TeeError):
    """The TDX module is not the vendor's."""

    CODE = "MN-TEE-037"


class StatusRefusedError(TeeError):
    """The policy does not accept the platform's status."""

    CODE = "MN-TEE-040"


class PolicyRefusedError(TeeError):
    """The policy refuses something other than the status."""

    CODE = "MN-TEE-041"


class ContractRefusedError(TeeError):
    """The contracts refuse a quote or a piece of its collateral, in their own words."""

    CODE = "MN-TEE-050"


class DisagreementError(TeeError):
    """The contracts and Python come to different statuses: a defect of ours."""

    CODE = "MN-TEE-051"


class PcsError(TeeError):
    """The vendor's service can't be asked, or its answer not be read."""

    CODE = "MN-TEE-055"


class GpuEvidenceError(TeeError):
    """Bytes that are no GPU evidence."""

    CODE = "MN-TEE-060"


class GpuChainError(TeeError):
    """A GPU's certificate chain that is broken or not the vendor's."""

    CODE = "MN-TEE-061"


class GpuSignatureError(TeeError):
    """GPU evidence that the device did not sign."""

    CODE = "MN-TEE-062"


class GpuNonceError(TeeError):
    """GPU evidence made for another question."""

    CODE = "MN-TEE-063"


class GpuFirmwareError(TeeError):
    """A GPU whose firmware is not what its certificate says."""

    CODE = "MN-TEE-064"


class GpuDebugError(TeeError):
    """A GPU of which nothing shows that its debug mode is off."""

    CODE = "MN-TEE-065"


class GpuSourceError(TeeError):
    """No evidence is to be had of the GPUs of this machine."""

    CODE = "MN-TEE-066"


class GpuClaimsError(TeeError):
    """A file that is no claims about GPUs, or no list of their vendor's measurements."""

    CODE = "MN-TEE-067"


class ProviderError(TeeError):
    """The hardware, or what stands before it, gives no quote."""

    CODE = "MN-TEE-070"


class OtherReportError(TeeError):
    """A quote of other report data than asked for."""

    CODE = "MN-TEE-071"


class SimulationRefusedError(TeeError):
    """Simulated hardware where it has no business."""

    CODE = "MN-TEE-072"


class PayloadError(TeeError):
    """Sealed bytes that are no private input."""

    CODE = "MN-TEE-080"


class EnclaveProtocolError(TeeError):
    """Enclave and worker do not understand one another: two versions, perhaps."""

    CODE = "MN-TEE-081"


class EnclaveGoneError(TeeError):
    """The enclave does not answer; its keys are gone with it."""

    CODE = "MN-TEE-082"


class EnclaveKeyError(TeeError):
    """The enclave has no such key."""

    CODE = "MN-TEE-083"


class EnclaveModelError(TeeError):
    """A model's files that do not belong to its id, or a model that the enclave lacks."""

    CODE = "MN-TEE-084"


class EnclaveInputError(TeeError):
    """An input that is not the one that the job commits to."""

    CODE = "MN-TEE-085"


class EnclaveRefusedError(TeeError):
    """What went wrong inside the enclave; ``inner`` is that error's code."""

    CODE = "MN-TEE-086"

    def __init__(self, inner: str, message: str) -> None:
        super().__init__(f"{inner}: {message}")
        self.inner = inner


class NotListedError(TeeError):
    """The market has no method teeml."""

    CODE = "MN-TEE-087"


class EnclaveAnsweredError(TeeError):
    """A job that the enclave answered, or may have answered, with what it no longer has."""

    CODE = "MN-TEE-088"
