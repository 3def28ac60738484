# SPDX-License-Identifier: AGPL-3.0-only
# pragma version ~=0.4.3
# pragma nonreentrancy on
"""
@title Intel's collateral
@license AGPL-3.0-only
@author Model Network
@notice Certificates, revocations, TCB info and QE identities that Intel signed, and what they say of a platform. Has no
        owner: each piece stands by its signature up to Intel's root, and a newer one takes an older one's place.

        Evaluation numbers stand beside one another, since Intel serves two at a time. A document is the dates it was
        issued with and a content; one that only has newer dates costs no parsing. The content of a changed document
        has a number of its own, so that nothing of the old one is left in it.
"""

from .modules import component_levels as components
from .modules import p256_check as p256
from .modules import svns

from interfaces import ICertificateParser
from interfaces import IIntelCollateral
from interfaces import ITcbParser

implements: IIntelCollateral

# Intel SGX Root CA, and who it lets sign.
INTEL_X: constant(bytes32) = 0x0ba9c4c0c0c86193a3fe23d6b02cda10a8bbd4e88e48b4458561a36e705525f5
INTEL_Y: constant(bytes32) = 0x67918e2edc88e40d860bd0cc4ee26aacc988e505a953558c453f6b0904ae7394
INTEL_UNTIL: constant(uint256) = 2_524_607_999
# keccak256 of the names' DER: C=US, ST=CA, L=Santa Clara, O=Intel Corporation, and CN=Intel SGX Root CA, Intel SGX PCK
# Platform CA, Intel SGX PCK Processor CA, Intel SGX TCB Signing.
INTEL_ROOT: constant(bytes32) = 0x3112c8e9428b5c08824e727e3ea896f3597c8a91caeafe57d64a4bc08df71dfb
INTEL_PLATFORM: constant(bytes32) = 0xfc023d85bd2073504d59f24a7ab325cd1841e2aa6eb6f25512665d57128d616c
INTEL_PROCESSOR: constant(bytes32) = 0x3e8717c2b8859b5d5e0c466dea5b49feedd67165b9ff9890405e87b6db3d2827
INTEL_SIGNING: constant(bytes32) = 0x048bd42849dc20c563977be866923795e269396947dfe4773512441b25c9d413
ROOT: constant(bytes20) = empty(bytes20)
MAX_ENTRIES: constant(uint256) = 820
# Where the content of a TCB info document begins, behind its dates.
DATED: constant(uint256) = 93

PLATFORM_CA: constant(uint256) = 1
PROCESSOR_CA: constant(uint256) = 2
SIGNER: constant(uint256) = 3
# Of a key's usage.
DIGITAL_SIGNATURE: constant(uint256) = 128
CERTIFICATE_AND_CRL_SIGN: constant(uint256) = 6

CERTIFICATES: public(immutable(address))
DOCUMENTS: public(immutable(address))
# Whether the root is not Intel's.
SIMULATED: public(immutable(bool))
ROOT_X: public(immutable(uint256))
ROOT_Y: public(immutable(uint256))
ROOT_UNTIL: immutable(uint256)
ROOT_NAME: immutable(bytes32)
PLATFORM_NAME: immutable(bytes32)
PROCESSOR_NAME: immutable(bytes32)
SIGNING_NAME: immutable(bytes32)
# The root as an issuer: keccak256 of its key.
ROOT_ISSUER: immutable(bytes32)

authorities: public(HashMap[bytes20, IIntelCollateral.Authority])
# keccak256 of an issuer's key -> serial
_revoked: HashMap[bytes32, HashMap[uint256, bool]]
# How many are on all lists.
revocations: public(reentrant(uint256))
# keccak256 of an issuer's key -> issued (64) | until (64)
crls: public(HashMap[bytes32, uint256])
# _tcb_key() -> signer (160) | content (8) | levels (8) | until (40) | issued (40)
tcb_infos: public(HashMap[uint256, uint256])
tcb_contents: public(HashMap[uint256, bytes32])
# key | content << 128 -> what the document says
_levels: HashMap[uint256, uint256[32]]
_tdx_levels: HashMap[uint256, uint256[32]]
_modules: HashMap[uint256, HashMap[uint256, uint256]]
# evaluation * 2 + TDX -> signer (160) | until (40) | issued (40); mrsigner; attributes (128) | mask (128);
# miscselect (32) | mask (32) | product (16) | levels (168)
qe_identities: public(HashMap[uint256, uint256[4]])


@deploy
def __init__(certificates: address, documents: address, root: IIntelCollateral.Root):
    """
    @param certificates A CertificateParser.
    @param documents A TcbParser.
    @param root All zero: Intel's. Another one only on a chain for development.
    """
    assert certificates.is_contract and documents.is_contract, "parser"
    CERTIFICATES = certificates
    DOCUMENTS = documents
    simulated: bool = root.x != 0
    assert not simulated or chain.id == 31_337 or chain.id == 1_337, "root"
    SIMULATED = simulated
    ROOT_X = root.x if simulated else convert(INTEL_X, uint256)
    ROOT_Y = root.y if simulated else convert(INTEL_Y, uint256)
    ROOT_UNTIL = root.until if simulated else INTEL_UNTIL
    ROOT_NAME = root.name if simulated else INTEL_ROOT
    PLATFORM_NAME = root.platform if simulated else INTEL_PLATFORM
    PROCESSOR_NAME = root.processor if simulated else INTEL_PROCESSOR
    SIGNING_NAME = root.signing if simulated else INTEL_SIGNING
    ROOT_ISSUER = self._issuer(ROOT_X, ROOT_Y)


@external
def add_authority(certificate: Bytes[2_048]):
    """
    @notice Adds a certificate that the root issued, of a role by its exact name.
    """
    c: ICertificateParser.Certificate = staticcall ICertificateParser(CERTIFICATES).certificate(certificate)
    role: uint256 = self._role(c.subject)
    assert c.issuer == ROOT_NAME and role != 0, "name"
    assert not c.sgx and c.ca == (role != SIGNER), "certificate use"
    usage: uint256 = DIGITAL_SIGNATURE if role == SIGNER else CERTIFICATE_AND_CRL_SIGN
    assert c.usage & usage == usage, "certificate use"
    assert block.timestamp >= c.since and block.timestamp <= min(c.until, ROOT_UNTIL), "certificate window"
    assert c.until < 2**40, "certificate window"
    self._check_root_crl()
    assert not self._revoked[ROOT_ISSUER][c.serial], "authority revoked"
    assert p256._is_signed(c.digest, c.r, c.s, ROOT_X, ROOT_Y), "signature"
    authority: bytes20 = convert(slice(c.digest, 0, 20), bytes20)
    assert self.authorities[authority].word == 0, "not newer"
    word: uint256 = (role << 240) | (c.serial << 80) | (c.since << 40) | c.until
    self.authorities[authority] = IIntelCollateral.Authority(x=c.x, y=c.y, word=word)
    log IIntelCollateral.AuthorityAdded(authority=authority, role=role, serial=c.serial, since=c.since, until=c.until)


@external
def update_crl(authority: bytes20, crl: Bytes[16_384]):
    """
    @notice Takes a newer list of revoked certificates. What is revoked stays so.
    @param authority The issuer; zero is the root.
    """
    list: ICertificateParser.RevocationList = staticcall ICertificateParser(CERTIFICATES).revocation_list(crl)
    x: uint256 = ROOT_X
    y: uint256 = ROOT_Y
    name: bytes32 = ROOT_NAME
    if authority == ROOT:
        assert block.timestamp <= ROOT_UNTIL, "certificate window"
    else:
        self._check_root_crl()
        a: IIntelCollateral.Authority = self._live(authority)
        name = self._name_of(a.word >> 240)
        x = a.x
        y = a.y
    assert list.issuer == name and name != SIGNING_NAME, "name"
    assert block.timestamp >= list.issued and block.timestamp <= list.until, "crl window"
    issuer: bytes32 = self._issuer(x, y)
    assert list.issued > self.crls[issuer] >> 64 and list.until < 2**64, "not newer"
    assert p256._is_signed(list.digest, list.r, list.s, x, y), "signature"
    self.crls[issuer] = (list.issued << 64) | list.until
    self._revoke(list.serials, issuer)
    log IIntelCollateral.CrlUpdated(issuer=issuer, issued=list.issued, until=list.until, entries=len(list.serials))


@external
def update_tcb_info(document: Bytes[16_384], signature: uint256[2], signer: bytes20):
    """
    @notice Takes a newer TCB info of its platforms and evaluation number.
    @param document The bytes that Intel signed.
    """
    head: ITcbParser.Head = staticcall ITcbParser(DOCUMENTS).tcb_head(
        convert(slice(document, 0, min(len(document), 256)), Bytes[256])
    )
    key: uint256 = self._tcb_key(head.tdx, head.fmspc, head.pceid, head.evaluation)
    word: uint256 = self.tcb_infos[key]
    self._check_document(head.issued, head.until, word, sha256(document), signature, signer)
    content: bytes32 = keccak256(slice(document, DATED, len(document) - DATED))
    count: uint256 = (word >> 80) & 255
    number: uint256 = (word >> 88) & 255
    if content != self.tcb_contents[key]:
        number += 1
        assert number < 256, "changes"
        self.tcb_contents[key] = content
        count = self._store(key | (number << 128), staticcall ITcbParser(DOCUMENTS).tcb_levels(document))
    self.tcb_infos[key] = (
        (convert(signer, uint256) << 96) | (number << 88) | (count << 80) | (head.until << 40) | head.issued
    )
    log IIntelCollateral.TcbInfoUpdated(
        fmspc=head.fmspc, tdx=head.tdx, evaluation=head.evaluation, issued=head.issued, until=head.until
    )


@external
def update_qe_identity(document: Bytes[4_096], signature: uint256[2], signer: bytes20):
    """
    @notice Takes a newer QE identity of its evaluation number.
    @param document The bytes that Intel signed.
    """
    qe: ITcbParser.Identity = staticcall ITcbParser(DOCUMENTS).qe_identity(document)
    key: uint256 = 2 * qe.evaluation + convert(qe.tdx, uint256)
    self._check_document(qe.issued, qe.until, self.qe_identities[key][0], sha256(document), signature, signer)
    self.qe_identities[key] = [
        (convert(signer, uint256) << 96) | (qe.until << 40) | qe.issued,
        convert(qe.mrsigner, uint256),
        (qe.attributes << 128) | qe.attributes_mask,
        (qe.miscselect << 216) | (qe.miscselect_mask << 184) | (qe.product << 168) | qe.levels,
    ]
    log IIntelCollateral.QeIdentityUpdated(tdx=qe.tdx, evaluation=qe.evaluation, issued=qe.issued, until=qe.until)


@view
@external
def judge(quoted: IIntelCollateral.Quoted) -> IIntelCollateral.Verdict:
    """
    @notice Refuses what is revoked, unknown, or rests on anything out of its window.
    """
    v: IIntelCollateral.Verdict = empty(IIntelCollateral.Verdict)
    root_crl: uint256 = self._check_root_crl()
    a: IIntelCollateral.Authority = self._live(quoted.authority)
    role: uint256 = a.word >> 240
    assert role != SIGNER and quoted.issuer == self._name_of(role), "name"
    issuer: bytes32 = self._issuer(a.x, a.y)
    pck_crl: uint256 = self.crls[issuer]
    assert block.timestamp <= pck_crl & (2**64 - 1), "crl window"
    assert not self._revoked[issuer][quoted.serial], "certificate revoked"
    v.x = a.x
    v.y = a.y
    v.issued = min(root_crl >> 64, pck_crl >> 64)
    v.until = min(root_crl & (2**64 - 1), pck_crl & (2**64 - 1))
    v.until = min(v.until, a.word & (2**40 - 1))
    platform: uint256[3] = self._platform_status(quoted)
    enclave: uint256[3] = self._enclave_status(quoted)
    v.status = svns._worse(platform[0], enclave[0])
    assert v.status < svns.REVOKED, "tcb revoked"
    v.issued = min(v.issued, min(platform[1], enclave[1]))
    v.until = min(v.until, min(platform[2], enclave[2]))
    return v


@view
@external
def is_revoked(issuer: bytes32, serial: uint256) -> bool:
    """
    @param issuer keccak256 of the issuer's key, x and y.
    """
    return self._revoked[issuer][serial]


@view
@external
def revoked_by(authority: bytes20, serial: uint256) -> uint256:
    """
    @return 1 when that authority revoked the certificate with that serial number, 2 when the root revoked the
            authority itself, else 0.
    """
    a: IIntelCollateral.Authority = self.authorities[authority]
    if self._revoked[ROOT_ISSUER][(a.word >> 80) & (2**160 - 1)]:
        return 2
    return convert(self._revoked[self._issuer(a.x, a.y)][serial], uint256)


@view
@internal
def _platform_status(quoted: IIntelCollateral.Quoted) -> uint256[3]:
    """
    @return Status by TCB info, when it was issued, and the last second of it and its signer.
    """
    key: uint256 = self._tcb_key(quoted.tdx, quoted.fmspc, quoted.pceid, quoted.tcb_evaluation)
    word: uint256 = self.tcb_infos[key]
    assert word != 0, "no tcb info"
    until: uint256 = self._document_until(word)
    content: uint256 = key | (((word >> 88) & 255) << 128)
    # Of a TDX module with a version, the first two components are the module's, judged by its identity.
    tee_svns: uint256 = quoted.tee_svns
    module: uint256 = (tee_svns >> 112) & 255
    if module != 0:
        tee_svns |= 65_535 << 112
    status: uint256 = self._level_status(content, (word >> 80) & 255, quoted, tee_svns)
    if module != 0:
        levels: uint256 = self._modules[content][module]
        assert levels != 0, "tdx module"
        status = svns._worse(status, components._status_of(quoted.tee_svns >> 120, levels))
    return [status, word & (2**40 - 1), until]


@view
@internal
def _level_status(content: uint256, count: uint256, quoted: IIntelCollateral.Quoted, tee_svns: uint256) -> uint256:
    """
    @return Status of the first level that the platform reaches. Refuses one below all.
    """
    for i: uint256 in range(count, bound=32):
        level: uint256 = self._levels[content][i]
        if quoted.pcesvn < (level >> 112) & 65_535 or not svns._reach(quoted.svns, level >> 128):
            continue
        if quoted.tdx and not svns._reach(tee_svns, self._tdx_levels[content][i]):
            continue
        return level & 255
    raise "tcb level"


@view
@internal
def _enclave_status(quoted: IIntelCollateral.Quoted) -> uint256[3]:
    """
    @return Status of the quoting enclave, when its identity was issued, and the last second of it and its signer.
    """
    key: uint256 = 2 * quoted.qe_evaluation + convert(quoted.tdx, uint256)
    word: uint256 = self.qe_identities[key][0]
    assert word != 0, "no qe identity"
    until: uint256 = self._document_until(word)
    assert convert(quoted.mrsigner, uint256) == self.qe_identities[key][1], "qe identity"
    attributes: uint256 = self.qe_identities[key][2]
    assert quoted.attributes & (attributes & (2**128 - 1)) == attributes >> 128, "qe identity"
    rest: uint256 = self.qe_identities[key][3]
    assert quoted.miscselect & ((rest >> 184) & (2**32 - 1)) == rest >> 216, "qe identity"
    assert quoted.product == (rest >> 168) & 65_535, "qe identity"
    status: uint256 = components._status_of(quoted.version, rest & (2**168 - 1))
    return [status, word & (2**40 - 1), until]


@view
@internal
def _document_until(word: uint256) -> uint256:
    """
    @notice Refuses a document out of its window, and one whose signer is.
    """
    until: uint256 = (word >> 40) & (2**40 - 1)
    assert block.timestamp <= until, "document window"
    signer: uint256 = self._live_word(convert(convert(word >> 96, uint160), bytes20))
    return min(until, signer & (2**40 - 1))


@view
@internal
def _check_document(
    issued: uint256, until: uint256, word: uint256, digest: bytes32, signature: uint256[2], signer: bytes20
):
    """
    @param word First word of the document that it would replace.
    """
    assert block.timestamp >= issued and block.timestamp <= until and until < 2**40, "document window"
    assert issued > word & (2**40 - 1), "not newer"
    self._check_root_crl()
    a: IIntelCollateral.Authority = self._live(signer)
    assert a.word >> 240 == SIGNER, "name"
    assert p256._is_signed(digest, signature[0], signature[1], a.x, a.y), "signature"


@view
@internal
def _check_root_crl() -> uint256:
    """
    @return The root's list, which must be in its window, as every use of what the root issued asks.
    """
    word: uint256 = self.crls[ROOT_ISSUER]
    assert block.timestamp <= min(word & (2**64 - 1), ROOT_UNTIL), "crl window"
    return word


@view
@internal
def _live(authority: bytes20) -> IIntelCollateral.Authority:
    """
    @notice Refuses a certificate that is unknown, out of its window or revoked.
    """
    word: uint256 = self._live_word(authority)
    a: IIntelCollateral.Authority = empty(IIntelCollateral.Authority)
    a.x = self.authorities[authority].x
    a.y = self.authorities[authority].y
    a.word = word
    return a


@view
@internal
def _live_word(authority: bytes20) -> uint256:
    word: uint256 = self.authorities[authority].word
    assert word != 0, "no authority"
    assert block.timestamp >= (word >> 40) & (2**40 - 1), "certificate window"
    assert block.timestamp <= word & (2**40 - 1), "certificate window"
    assert not self._revoked[ROOT_ISSUER][(word >> 80) & (2**160 - 1)], "authority revoked"
    return word


@internal
def _revoke(serials: DynArray[uint256, MAX_ENTRIES], issuer: bytes32):
    found: uint256 = 0
    for serial: uint256 in serials:
        if not self._revoked[issuer][serial]:
            self._revoked[issuer][serial] = True
            found += 1
            log IIntelCollateral.Revoked(issuer=issuer, serial=serial)
    if found != 0:
        self.revocations += found


@internal
def _store(content: uint256, parsed: ITcbParser.Levels) -> uint256:
    """
    @return How many levels there are.
    """
    for i: uint256 in range(len(parsed.levels), bound=32):
        self._levels[content][i] = parsed.levels[i]
        self._tdx_levels[content][i] = parsed.tdx_levels[i]
    for module: uint256 in parsed.modules:
        self._modules[content][module >> 168] = module & (2**168 - 1)
    return len(parsed.levels)


@pure
@internal
def _tcb_key(tdx: bool, fmspc: uint256, pceid: uint256, evaluation: uint256) -> uint256:
    return (fmspc << 64) | (pceid << 48) | (evaluation << 8) | convert(tdx, uint256)


@pure
@internal
def _issuer(x: uint256, y: uint256) -> bytes32:
    return keccak256(abi_encode(x, y))


@view
@internal
def _role(name: bytes32) -> uint256:
    """
    @return Zero for a name that has none.
    """
    if name == PLATFORM_NAME:
        return PLATFORM_CA
    if name == PROCESSOR_NAME:
        return PROCESSOR_CA
    return SIGNER if name == SIGNING_NAME else 0


@view
@internal
def _name_of(role: uint256) -> bytes32:
    if role == PLATFORM_CA:
        return PLATFORM_NAME
    return PROCESSOR_NAME if role == PROCESSOR_CA else SIGNING_NAME
