# SPDX-License-Identifier: AGPL-3.0-only
# pragma version ~=0.4.3
# pragma nonreentrancy on
"""
@title Parser of Intel's documents
@license AGPL-3.0-only
@author Model Network
@notice Reads TCB info and QE identities for IntelCollateral. Stateless.
"""

from .modules import json_reader as json
from .modules import qe_identity as identity
from .modules import tcb_info as info

from interfaces import ITcbParser

implements: ITcbParser


@pure
@external
def tcb_head(beginning: Bytes[256]) -> ITcbParser.Head:
    """
    @notice What a TCB info document is about, from its first 256 bytes.
    """
    return info._head(concat(beginning, empty(bytes32), empty(bytes32)))[0]


@pure
@external
def tcb_levels(document: Bytes[16_384]) -> ITcbParser.Levels:
    """
    @notice Levels and modules of a TCB info document, all of which is read.
    """
    d: Bytes[json.MAX_PADDED] = concat(document, empty(bytes32), empty(bytes32))
    head: ITcbParser.Head = empty(ITcbParser.Head)
    p: uint256 = 0
    head, p = info._head(d)
    return info._body(d, p, head.tdx)


@pure
@external
def qe_identity(document: Bytes[4_096]) -> ITcbParser.Identity:
    """
    @notice The quoting enclave that a document describes, all of which is read.
    """
    return identity._identity(concat(document, empty(bytes32), empty(bytes32)))
