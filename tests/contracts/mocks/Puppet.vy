# SPDX-License-Identifier: Apache-2.0
# pragma version ~=0.4.3
"""
@title A contract that re-enters
@license Apache-2.0
@notice Makes its stored calls when it hears of a result, a revocation or a token, or gets coins.
"""

MAX_CALLS: constant(uint256) = 8

struct Call:
    target: address
    data: Bytes[2048]

calls: DynArray[Call, MAX_CALLS]
# Whether each call of the latest run went through.
worked: public(DynArray[bool, MAX_CALLS])


@external
def add_call(target: address, data: Bytes[2048]):
    self.calls.append(Call(target=target, data=data))


@external
@payable
def make_call(target: address, data: Bytes[2048]):
    """
    @notice Make a call as this contract now, with the value sent.
    """
    raw_call(target, data, value=msg.value)


@external
def on_result(job_id: bytes32, output: Bytes[16384], is_final: bool):
    self._run()


@external
def on_revoked(job_id: bytes32):
    self._run()


@external
def on_token():
    self._run()


@external
@payable
def __default__():
    self._run()


@internal
def _run():
    pulled: DynArray[Call, MAX_CALLS] = self.calls
    # At most once: a call that comes back here must not go round for ever.
    self.calls = []
    if len(pulled) == 0:
        return
    self.worked = []
    for c: Call in pulled:
        self.worked.append(raw_call(c.target, c.data, revert_on_failure=False))
