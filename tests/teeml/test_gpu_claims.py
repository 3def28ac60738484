# SPDX-License-Identifier: Apache-2.0
# ruff: noqa: N802 (the stand-in has the names of what it stands for)
"""GPUs asked by an enclave: a nonce of its own, all checked, bound to what it has quoted."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from offchain_workers.chain.contracts.enclaves import ResultDomain
from offchain_workers.chain.hashing import keccak
from offchain_workers.engines.embedded import EmbeddedEngine
from offchain_workers.storage import content_id
from tests.teeml.enclaves import CHAIN, OPERATOR, POLICY, SIMULATED, VERIFIER, attested
from tests.teeml.test_gpu import CHAIN as PEM
from tests.teeml.test_gpu import EVIDENCE, NONCE
from verifiers.teeml.enclave.client import EnclaveClient, EnclaveProcess
from verifiers.teeml.enclave.frames import Message
from verifiers.teeml.enclave.service import Service
from verifiers.teeml.errors import (
    EnclaveGoneError,
    GpuChainError,
    GpuClaimsError,
    GpuDebugError,
    GpuNonceError,
    GpuSourceError,
)
from verifiers.teeml.gpu import check_gpu
from verifiers.teeml.gpus import Golden, GpuClaims, GpuEvidence, Gpus, Nvml, RecordedGpus
from verifiers.teeml.gpus.claims import nonce_of
from verifiers.teeml.providers import SimulatedProvider
from verifiers.teeml.quote import Quote
from verifiers.teeml.simulated import Platform
from verifiers.teeml.simulated.gpu import SimulatedGpu, root_point

AT = 1_750_000_000
RECORDED = RecordedGpus([GpuEvidence(EVIDENCE, PEM)])
DOMAIN = ResultDomain(CHAIN, VERIFIER)


def golden() -> Golden:
    """As if the vendor had published what the recorded device measured."""
    found = check_gpu(EVIDENCE, PEM, NONCE, AT)
    return Golden({f"{found.driver}/{found.vbios}": found.measurements})


@pytest.fixture
def client() -> Iterator[EnclaveClient]:
    process = EnclaveProcess((*SIMULATED, "--gpu", "simulated"))
    made = EnclaveClient(process.ensure())
    yield made
    made.close()
    process.stop()


def test_a_keys_quote_is_bound_to_the_gpus_that_the_enclave_asked(client: EnclaveClient) -> None:
    key = attested(client)
    claims, bound = GpuClaims.parse(key.gpu), key.binding
    assert client.hello()["gpus"] == "simulated"
    assert bound.gpu_claims == claims.digest() == keccak(key.gpu)
    assert "0x" + bound.gpu_claims.hex() == content_id(key.gpu)
    unbound = DOMAIN.binding_hash(POLICY, replace(bound, gpu_claims=bytes(32)))
    assert claims.nonce == nonce_of(unbound, b"\x09" * 32)
    report = Quote.parse(key.quote).report
    assert report.report_data == DOMAIN.binding_hash(POLICY, bound) + b"\x09" * 32
    [device] = claims.check(AT, root_point())
    assert device.chip == "SIMULATED"


def test_simulated_claims_are_nothing_to_the_vendors_root(client: EnclaveClient) -> None:
    with pytest.raises(GpuChainError):
        GpuClaims.parse(attested(client).gpu).check(AT)


def test_another_key_asks_another_question(client: EnclaveClient) -> None:
    first, second = (GpuClaims.parse(attested(client).gpu) for _ in range(2))
    assert first.nonce != second.nonce


def test_recorded_evidence_answers_its_own_nonce_and_no_other() -> None:
    gpus = Gpus(RECORDED, golden())
    assert gpus.claims(NONCE).check(AT)[0].chip == "GH100"
    with pytest.raises(GpuNonceError):
        gpus.claims(bytes(32))


def test_a_gpu_whose_debug_state_nothing_shows_is_refused() -> None:
    """No list, another firmware's list, one digest that differs: no field of evidence tells it."""
    with pytest.raises(GpuDebugError, match="no measurements are listed"):
        Gpus(RECORDED, Golden({})).claims(NONCE)
    found = check_gpu(EVIDENCE, PEM, NONCE, AT)
    name = f"{found.driver}/{found.vbios}"
    with pytest.raises(GpuDebugError, match="no measurements are listed"):
        Gpus(RECORDED, Golden({name: {}})).claims(NONCE)
    with pytest.raises(GpuDebugError, match="does not measure"):
        Gpus(RECORDED, Golden({name: {9: bytes([255]) * 48}})).claims(NONCE)
    tampered = Gpus(SimulatedGpu(tampered=True), SimulatedGpu.golden(), root_point())
    with pytest.raises(GpuDebugError, match="does not measure"):
        tampered.claims(bytes(32))


def test_no_gpu_too_many_and_one_twice_are_refused() -> None:
    with pytest.raises(GpuClaimsError, match="0 GPUs"):
        Gpus(RecordedGpus([]), golden()).claims(NONCE)
    with pytest.raises(GpuClaimsError, match="17 GPUs"):
        Gpus(RecordedGpus([GpuEvidence(EVIDENCE, PEM)] * 17), golden()).claims(NONCE)
    with pytest.raises(GpuClaimsError, match="twice"):
        Gpus(RecordedGpus([GpuEvidence(EVIDENCE, PEM)] * 2), golden()).claims(NONCE)


def test_an_enclave_makes_no_key_when_a_gpu_is_refused() -> None:
    tampered = Gpus(SimulatedGpu(tampered=True), SimulatedGpu.golden(), root_point())
    provider = SimulatedProvider(Platform(), CHAIN)
    service = Service(provider, EmbeddedEngine("cpu"), tampered)
    asked = {
        "ask": "attest", "chain_id": CHAIN, "verifier": VERIFIER, "policy": "0x" + POLICY.hex(),
        "operator": OPERATOR, "manifest": "0x" + "00" * 32, "anchor": 7,
        "anchor_hash": "0x" + "09" * 32, "again": "",
    }  # fmt: skip
    assert service.handle(Message(asked)).head["error"]["code"] == GpuDebugError.CODE
    assert service.handle(Message({"ask": "hello"})).head["keys"] == []
    service.close()


@pytest.mark.parametrize("data", [b"", b"[]", b"{", b'{"nonce": "0x00", "devices": []}', b"\xff"])
def test_a_file_that_is_no_claims_is_refused(data: bytes) -> None:
    with pytest.raises(GpuClaimsError):
        GpuClaims.parse(data)
    with pytest.raises(GpuClaimsError):
        Golden.parse(data)


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("--gpu", "nvml"), "MN-TEE-067"),
        (("--gpu", "nvml", "--gpu-golden", "/nonexistent"), "MN-TEE-067"),
    ],
)
def test_an_enclave_told_to_ask_gpus_does_not_start_without_what_it_checks_by(
    arguments: tuple[str, ...], code: str
) -> None:
    process = EnclaveProcess((*SIMULATED, *arguments))
    with pytest.raises(EnclaveGoneError, match=code):
        process.ensure()
    process.stop()


class Driver:
    """Keeps to nvidia-ml-py's published names and shapes: buffers larger than what is in them."""

    NVML_CC_SYSTEM_FEATURE_ENABLED = 1
    NVML_CC_SYSTEM_ENVIRONMENT_PROD = 2
    NVML_CC_SYSTEM_DEVTOOLS_MODE_OFF = 0

    class NVMLError(Exception):
        pass

    def __init__(self, feature: int = 1, environment: int = 2, tools: int = 0) -> None:
        self._state = SimpleNamespace(
            ccFeature=feature, environment=environment, devToolsMode=tools
        )
        self.open = False
        self.asked = b""

    def nvmlInit(self) -> None:
        self.open = True

    def nvmlShutdown(self) -> None:
        self.open = False

    def nvmlSystemGetConfComputeState(self) -> Any:
        return self._state

    def nvmlDeviceGetCount(self) -> int:
        return 1

    def nvmlDeviceGetHandleByIndex(self, index: int) -> str:
        return f"device {index}"

    def nvmlDeviceGetConfComputeGpuAttestationReport(self, device: str, nonce: bytes) -> Any:
        self.asked = nonce
        padded = EVIDENCE + bytes(0x2000 - len(EVIDENCE))
        return SimpleNamespace(attestationReport=padded, attestationReportSize=len(EVIDENCE))

    def nvmlDeviceGetConfComputeGpuCertificate(self, device: str) -> Any:
        text = PEM + b"\0"
        padded = text + bytes(0x1400 - len(text)) if len(text) < 0x1400 else text
        return SimpleNamespace(attestationCertChain=padded, attestationCertChainSize=len(text))


def test_the_drivers_evidence_is_taken_as_long_as_it_says() -> None:
    driver = Driver()
    assert Nvml(driver).collect(NONCE) == [GpuEvidence(EVIDENCE, PEM.rstrip(b"\0"))]
    assert driver.asked == NONCE
    assert not driver.open
    assert Gpus(Nvml(driver), golden()).claims(NONCE).check(AT)[0].chip == "GH100"


@pytest.mark.parametrize(
    ("state", "why"),
    [
        ({"feature": 0}, "confidential mode is off"),
        ({"environment": 1}, "not production"),
        ({"tools": 1}, "developers' tools"),
    ],
)
def test_a_driver_that_lets_others_look_in_is_refused(state: dict[str, int], why: str) -> None:
    driver = Driver(**state)
    with pytest.raises(GpuSourceError, match=why):
        Nvml(driver).collect(NONCE)
    assert not driver.open


def test_what_the_driver_refuses_is_told_in_its_words() -> None:
    driver = Driver()

    def refuse() -> int:
        raise driver.NVMLError("Not Supported")

    driver.nvmlDeviceGetCount = refuse  # type: ignore[method-assign]
    with pytest.raises(GpuSourceError, match="Not Supported"):
        Nvml(driver).collect(NONCE)
    assert not driver.open


def test_the_stand_in_has_no_name_that_the_package_lacks() -> None:
    """Where nvidia-ml-py is installed."""
    package = pytest.importorskip("pynvml", reason="nvidia-ml-py is not installed")
    names = [name for name in dir(Driver) if name.lower().startswith("nvml")]
    assert [name for name in names if not hasattr(package, name)] == []
    for name in names:
        if name.startswith("NVML_"):
            assert getattr(package, name) == getattr(Driver, name)


def test_claims_read_back_as_they_were_written() -> None:
    claims = Gpus(RECORDED, golden()).claims(NONCE)
    again = GpuClaims.parse(claims.encode())
    assert (again, again.digest()) == (claims, claims.digest())
