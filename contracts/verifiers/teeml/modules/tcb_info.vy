# SPDX-License-Identifier: AGPL-3.0-only
# pragma version ~=0.4.3
"""
@title Intel's TCB info
@license AGPL-3.0-only
@author Model Network
@notice Reads a TCB info document, version 3, of SGX or TDX. It must be, byte for byte, what Intel's service writes.
"""

from interfaces import ITcbParser
from . import component_levels as components
from . import json_reader as json

MAX_LEVELS: constant(uint256) = 32
MAX_MODULES: constant(uint256) = 8
COMMA: constant(uint256) = 44
CLOSING_BRACE: constant(uint256) = 125
CLOSING_BRACKET: constant(uint256) = 93
QUOTE: constant(uint256) = 34
# 32 digits of zero
ZEROS: constant(bytes32) = 0x3030303030303030303030303030303030303030303030303030303030303030

ID: constant(bytes7) = 0x7b226964223a22  # {"id":"
TDX: constant(bytes3) = 0x544458  # TDX
SGX: constant(bytes3) = 0x534758  # SGX
VERSION: constant(bytes27) = 0x222c2276657273696f6e223a332c22697373756544617465223a22  # ","version":3,"issueDate":"
NEXT_UPDATE: constant(bytes16) = 0x222c226e657874557064617465223a22  # ","nextUpdate":"
FMSPC: constant(bytes11) = 0x222c22666d737063223a22  # ","fmspc":"
PCEID: constant(bytes11) = 0x222c227063654964223a22  # ","pceId":"
TYPE: constant(bytes14) = 0x222c2274636254797065223a302c  # ","tcbType":0,
EVALUATION: constant(bytes26) = 0x227463624576616c756174696f6e446174614e756d626572223a  # "tcbEvaluationDataNumber":
TDX_MODULE: constant(bytes26) = 0x2c227464784d6f64756c65223a7b226d727369676e6572223a22  # ,"tdxModule":{"mrsigner":"
MODULES: constant(bytes24) = 0x2c227464784d6f64756c654964656e746974696573223a5b  # ,"tdxModuleIdentities":[
LEVELS: constant(bytes14) = 0x2c227463624c6576656c73223a5b  # ,"tcbLevels":[
MODULE: constant(bytes11) = 0x7b226964223a225444585f  # {"id":"TDX_
MRSIGNER: constant(bytes14) = 0x222c226d727369676e6572223a22  # ","mrsigner":"
ATTRIBUTES: constant(bytes16) = 0x222c2261747472696275746573223a22  # ","attributes":"
MASK: constant(bytes19) = 0x222c22617474726962757465734d61736b223a  # ","attributesMask":
MODULE_LEVELS: constant(bytes15) = 0x222c227463624c6576656c73223a5b  # ","tcbLevels":[
LEVEL: constant(bytes28) = 0x7b22746362223a7b22736778746362636f6d706f6e656e7473223a5b  # {"tcb":{"sgxtcbcomponents":[
PCESVN: constant(bytes11) = 0x5d2c2270636573766e223a  # ],"pcesvn":
TDX_COMPONENTS: constant(bytes21) = 0x2c22746478746362636f6d706f6e656e7473223a5b  # ,"tdxtcbcomponents":[
SVN: constant(bytes7) = 0x7b2273766e223a  # {"svn":
CATEGORY: constant(bytes13) = 0x2c2263617465676f7279223a22  # ,"category":"
KIND: constant(bytes9) = 0x2c2274797065223a22  # ,"type":"
DATE: constant(bytes13) = 0x7d2c2274636244617465223a22  # },"tcbDate":"
STATUS: constant(bytes15) = 0x222c22746362537461747573223a22  # ","tcbStatus":"


@pure
@internal
def _head(d: Bytes[json.MAX_PADDED]) -> (ITcbParser.Head, uint256):
    """
    @param d The document, or its beginning, then 64 bytes of zeros.
    @return What it is about, and where what follows begins.
    """
    head: ITcbParser.Head = empty(ITcbParser.Head)
    word: uint256 = extract32(d, 0, output_type=uint256)
    json._need(word >> 200 == convert(ID, uint256))
    kind: uint256 = (word >> 176) & (2**24 - 1)
    head.tdx = kind == convert(TDX, uint256)
    json._need(head.tdx or kind == convert(SGX, uint256))
    json._need(extract32(d, 10, output_type=uint256) >> 40 == convert(VERSION, uint256))
    head.issued = json._date(extract32(d, 37, output_type=uint256))
    json._need(extract32(d, 57, output_type=uint256) >> 128 == convert(NEXT_UPDATE, uint256))
    head.until = json._date(extract32(d, 73, output_type=uint256))
    json._need(extract32(d, 93, output_type=uint256) >> 168 == convert(FMSPC, uint256))
    head.fmspc = json._hex(extract32(d, 104, output_type=uint256), 12)
    json._need(extract32(d, 116, output_type=uint256) >> 168 == convert(PCEID, uint256))
    head.pceid = json._hex(extract32(d, 127, output_type=uint256), 4)
    json._need(extract32(d, 131, output_type=uint256) >> 144 == convert(TYPE, uint256))
    json._need(extract32(d, 145, output_type=uint256) >> 48 == convert(EVALUATION, uint256))
    size: uint256 = 0
    head.evaluation, size = json._number(extract32(d, 171, output_type=uint256))
    return head, 171 + size


@pure
@internal
def _body(d: Bytes[json.MAX_PADDED], start: uint256, tdx: bool) -> ITcbParser.Levels:
    """
    @param start Where what follows the head begins.
    """
    body: ITcbParser.Levels = empty(ITcbParser.Levels)
    p: uint256 = start
    if tdx:
        body.modules, p = self._modules(d, p)
    json._need(extract32(d, p, output_type=uint256) >> 144 == convert(LEVELS, uint256))
    p += 14
    after: uint256 = COMMA
    for _: uint256 in range(MAX_LEVELS):
        level: uint256 = 0
        tee: uint256 = 0
        level, tee, p = self._level(d, p, tdx)
        body.levels.append(level)
        body.tdx_levels.append(tee)
        # Levels are tried from the highest to the lowest, by components, then PCESVN, then TDX components. Intel
        # writes them so, too, but does not say that it will.
        for i: uint256 in range(MAX_LEVELS):
            at: uint256 = len(body.levels) - 1 - i
            if at == 0 or not self._is_below(body.levels[at - 1], body.tdx_levels[at - 1], level, tee):
                break
            body.levels[at] = body.levels[at - 1]
            body.tdx_levels[at] = body.tdx_levels[at - 1]
            body.levels[at - 1] = level
            body.tdx_levels[at - 1] = tee
        after = extract32(d, p, output_type=uint256) >> 248
        p += 1
        if after != COMMA:
            break
    json._need(after == CLOSING_BRACKET)
    json._need(extract32(d, p, output_type=uint256) >> 248 == CLOSING_BRACE and p + 1 + json.PAD == len(d))
    return body


@pure
@internal
def _is_below(level: uint256, tee: uint256, other: uint256, other_tee: uint256) -> bool:
    """
    @return Whether a level is lower than another.
    """
    mine: uint256 = level >> 112
    return mine < other >> 112 or (mine == other >> 112 and tee < other_tee)


@pure
@internal
def _modules(d: Bytes[json.MAX_PADDED], start: uint256) -> (DynArray[uint256, MAX_MODULES], uint256):
    """
    @return TDX modules by version, as ITcbParser packs them, and where what follows begins. A document of before
            modules had versions has none.
    """
    modules: DynArray[uint256, MAX_MODULES] = []
    json._need(extract32(d, start, output_type=uint256) >> 48 == convert(TDX_MODULE, uint256))
    ours: bool = False
    p: uint256 = 0
    ours, p = self._module(d, start + 26)
    json._need(ours)
    json._need(extract32(d, p, output_type=uint256) >> 240 == convert(0x227d, uint256))
    p += 2
    if extract32(d, p, output_type=uint256) >> 64 != convert(MODULES, uint256):
        return modules, p
    p += 24
    seen: uint256 = 0
    for _: uint256 in range(MAX_MODULES):
        word: uint256 = extract32(d, p, output_type=uint256)
        json._need(word >> 168 == convert(MODULE, uint256))
        version: uint256 = json._hex(word << 88, 2)
        json._need((seen >> version) & 1 == 0)
        seen |= 1 << version
        p += 13
        json._need(extract32(d, p, output_type=uint256) >> 144 == convert(MRSIGNER, uint256))
        ours, p = self._module(d, p + 14)
        json._need(extract32(d, p, output_type=uint256) >> 136 == convert(MODULE_LEVELS, uint256))
        levels: uint256 = 0
        levels, p = components._levels(d, p + 15)
        if ours:
            modules.append((version << 168) | levels)
        word = extract32(d, p, output_type=uint256)
        json._need(word >> 248 == CLOSING_BRACE)
        p += 2
        if (word >> 240) & 255 == CLOSING_BRACKET:
            return modules, p
        json._need((word >> 240) & 255 == COMMA)
    raise "json"


@pure
@internal
def _module(d: Bytes[json.MAX_PADDED], start: uint256) -> (bool, uint256):
    """
    @param start Where the module's signer begins.
    @return Whether the module is Intel's own, which has a signer and attributes of zero, all of whose bits count, as a
            quote's module must have; and where the mask ends.
    """
    ours: bool = True
    for i: uint256 in range(3):
        ours = self._is_zero(extract32(d, start + 32 * i, output_type=uint256), 32) and ours
    p: uint256 = start + 96
    json._need(extract32(d, p, output_type=uint256) >> 128 == convert(ATTRIBUTES, uint256))
    ours = self._is_zero(extract32(d, p + 16, output_type=uint256), 16) and ours
    word: uint256 = extract32(d, p + 32, output_type=uint256)
    json._need(word >> 104 == convert(MASK, uint256) and (word >> 96) & 255 == QUOTE)
    ours = json._hex(extract32(d, p + 52, output_type=uint256), 16) == 2**64 - 1 and ours
    return ours, p + 68


@pure
@internal
def _is_zero(word: uint256, digits: uint256) -> bool:
    """
    @notice Refuses anything but hexadecimal digits.
    """
    return word == convert(ZEROS, uint256) or json._hex(word, digits) == 0


@pure
@internal
def _level(d: Bytes[json.MAX_PADDED], start: uint256, tdx: bool) -> (uint256, uint256, uint256):
    """
    @return A level as ITcbParser packs it, its TDX components, and where what follows begins.
    """
    json._need(extract32(d, start, output_type=uint256) >> 32 == convert(LEVEL, uint256))
    svns: uint256 = 0
    tee: uint256 = 0
    number: uint256 = 0
    size: uint256 = 0
    p: uint256 = 0
    svns, p = self._components(d, start + 28)
    json._need(extract32(d, p, output_type=uint256) >> 168 == convert(PCESVN, uint256))
    p += 11
    number, size = json._number(extract32(d, p, output_type=uint256))
    json._need(number < 2**16)
    p += size
    level: uint256 = (svns << 128) | (number << 112)
    if tdx:
        json._need(extract32(d, p, output_type=uint256) >> 88 == convert(TDX_COMPONENTS, uint256))
        tee, p = self._components(d, p + 21)
        json._need(extract32(d, p, output_type=uint256) >> 248 == CLOSING_BRACKET)
        p += 1
    json._need(extract32(d, p, output_type=uint256) >> 152 == convert(DATE, uint256))
    p += 13
    level |= json._date(extract32(d, p, output_type=uint256)) << 8
    p += 20
    json._need(extract32(d, p, output_type=uint256) >> 136 == convert(STATUS, uint256))
    p += 15
    number, size = json._status(extract32(d, p, output_type=uint256), extract32(d, p + 32, output_type=uint256))
    p = json._advisories(d, p + size)
    json._need(extract32(d, p, output_type=uint256) >> 248 == CLOSING_BRACE)
    return level | number, tee, p + 1


@pure
@internal
def _components(d: Bytes[json.MAX_PADDED], start: uint256) -> (uint256, uint256):
    """
    @return Versions of the 16 components, the first in the highest byte, and where the last of them ends.
    """
    svns: uint256 = 0
    p: uint256 = start
    for i: uint256 in range(16):
        word: uint256 = extract32(d, p, output_type=uint256)
        if i > 0:
            json._need(word >> 248 == COMMA)
            p += 1
            word = word << 8
        json._need(word >> 200 == convert(SVN, uint256))
        svn: uint256 = 0
        size: uint256 = 0
        svn, size = json._number(word << 56)
        json._need(svn < 256)
        svns = (svns << 8) | svn
        p += 7 + size
        # What the component is called.
        if extract32(d, p, output_type=uint256) >> 152 == convert(CATEGORY, uint256):
            p = json._string(d, p + 13)
        if extract32(d, p, output_type=uint256) >> 184 == convert(KIND, uint256):
            p = json._string(d, p + 9)
        json._need(extract32(d, p, output_type=uint256) >> 248 == CLOSING_BRACE)
        p += 1
    return svns, p
