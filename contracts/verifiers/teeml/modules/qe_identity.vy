# SPDX-License-Identifier: AGPL-3.0-only
# pragma version ~=0.4.3
"""
@title Intel's QE identity
@license AGPL-3.0-only
@author Model Network
@notice Reads the identity of the quoting enclave of SGX or TDX, version 2. It must be, byte for byte, what Intel's
        service writes.
"""

from interfaces import ITcbParser
from . import component_levels as components
from . import json_reader as json

QUOTE: constant(uint256) = 34
# The end of the list's document
CLOSING: constant(uint256) = 125

QE: constant(bytes9) = 0x7b226964223a225145  # {"id":"QE
TD_QE: constant(bytes12) = 0x7b226964223a2254445f5145  # {"id":"TD_QE
VERSION: constant(bytes27) = 0x222c2276657273696f6e223a322c22697373756544617465223a22  # ","version":2,"issueDate":"
NEXT_UPDATE: constant(bytes16) = 0x222c226e657874557064617465223a22  # ","nextUpdate":"
EVALUATION: constant(
    bytes28
) = 0x222c227463624576616c756174696f6e446174614e756d626572223a  # ","tcbEvaluationDataNumber":
MISCSELECT: constant(bytes15) = 0x2c226d69736373656c656374223a22  # ,"miscselect":"
MISC_MASK: constant(bytes19) = 0x222c226d69736373656c6563744d61736b223a  # ","miscselectMask":
ATTRIBUTES: constant(bytes16) = 0x222c2261747472696275746573223a22  # ","attributes":"
MASK: constant(bytes19) = 0x222c22617474726962757465734d61736b223a  # ","attributesMask":
MRSIGNER: constant(bytes14) = 0x222c226d727369676e6572223a22  # ","mrsigner":"
PRODUCT: constant(bytes14) = 0x222c2269737670726f646964223a  # ","isvprodid":
LEVELS: constant(bytes14) = 0x2c227463624c6576656c73223a5b  # ,"tcbLevels":[


@pure
@internal
def _identity(d: Bytes[json.MAX_PADDED]) -> ITcbParser.Identity:
    """
    @param d The document, then 64 bytes of zeros.
    """
    found: ITcbParser.Identity = empty(ITcbParser.Identity)
    size: uint256 = 0
    p: uint256 = 9
    word: uint256 = extract32(d, 0, output_type=uint256)
    if word >> 184 != convert(QE, uint256):
        json._need(word >> 160 == convert(TD_QE, uint256))
        found.tdx = True
        p = 12
    json._need(extract32(d, p, output_type=uint256) >> 40 == convert(VERSION, uint256))
    found.issued = json._date(extract32(d, p + 27, output_type=uint256))
    p += 47
    json._need(extract32(d, p, output_type=uint256) >> 128 == convert(NEXT_UPDATE, uint256))
    found.until = json._date(extract32(d, p + 16, output_type=uint256))
    p += 36
    json._need(extract32(d, p, output_type=uint256) >> 32 == convert(EVALUATION, uint256))
    p += 28
    found.evaluation, size = json._number(extract32(d, p, output_type=uint256))
    p += size
    json._need(extract32(d, p, output_type=uint256) >> 136 == convert(MISCSELECT, uint256))
    found.miscselect = json._hex(extract32(d, p + 15, output_type=uint256), 8)
    p += 23
    found.miscselect_mask = json._hex(self._quoted(d, p, convert(MISC_MASK, uint256)), 8)
    p += 28
    json._need(extract32(d, p, output_type=uint256) >> 128 == convert(ATTRIBUTES, uint256))
    found.attributes = json._hex(extract32(d, p + 16, output_type=uint256), 32)
    p += 48
    found.attributes_mask = json._hex(self._quoted(d, p, convert(MASK, uint256)), 32)
    p += 52
    json._need(extract32(d, p, output_type=uint256) >> 144 == convert(MRSIGNER, uint256))
    signer: uint256 = json._hex(extract32(d, p + 14, output_type=uint256), 32)
    signer = (signer << 128) | json._hex(extract32(d, p + 46, output_type=uint256), 32)
    found.mrsigner = convert(signer, bytes32)
    found.product, found.levels = self._tail(d, p + 78)
    return found


@pure
@internal
def _quoted(d: Bytes[json.MAX_PADDED], p: uint256, key: uint256) -> uint256:
    """
    @param key What must stand at `p`, 19 bytes.
    @return What begins behind the key's opening quote.
    """
    word: uint256 = extract32(d, p, output_type=uint256)
    json._need(word >> 104 == key and (word >> 96) & 255 == QUOTE)
    return extract32(d, p + 20, output_type=uint256)


@pure
@internal
def _tail(d: Bytes[json.MAX_PADDED], start: uint256) -> (uint256, uint256):
    """
    @return Product id and levels, with which the document must end.
    """
    product: uint256 = 0
    levels: uint256 = 0
    size: uint256 = 0
    json._need(extract32(d, start, output_type=uint256) >> 144 == convert(PRODUCT, uint256))
    p: uint256 = start + 14
    product, size = json._number(extract32(d, p, output_type=uint256))
    json._need(product < 2**16)
    p += size
    json._need(extract32(d, p, output_type=uint256) >> 144 == convert(LEVELS, uint256))
    levels, p = components._levels(d, p + 14)
    json._need(extract32(d, p, output_type=uint256) >> 248 == CLOSING and p + 1 + json.PAD == len(d))
    return product, levels
