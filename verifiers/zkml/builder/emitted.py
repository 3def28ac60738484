# SPDX-License-Identifier: Apache-2.0
"""Run the verifier that ezkl emitted for a circuit, symbolically."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from verifiers.zkml.builder import yul
from verifiers.zkml.builder.trace import Graph, Node, Trace
from verifiers.zkml.errors import CircuitError
from verifiers.zkml.field import Point, R

# Canonical calldata: selector, two offsets, then the proof behind its length.
PROOF_AT = 0x64
WORD = 2**256

CONSTANT = re.compile(r"constant\s+(\w+)\s*=\s*(\w+)\s*;")
PROOF_SIZE = re.compile(r"eq\((0x[0-9a-f]+), proof\.length\)")
INSTANCES = re.compile(r"mstore\(\w+, (0x[0-9a-f]+)\) // num_instances")
POINT = re.compile(r"mstore\(\w+, (0x[0-9a-f]+)\) // (fixed|permutation)_comms\[\d+\]\.[xy]")

Value = int | Node
Scope = dict[str, Value]


def trace(source: str) -> Trace:
    """Of the Solidity that ezkl emits for one circuit. Raises CircuitError for anything else."""
    size, count = PROOF_SIZE.search(source), INSTANCES.search(source)
    start = source.find("assembly")
    if not size or not count or start < 0:
        raise CircuitError("this is not a verifier that ezkl emits for one circuit")
    constants = {name: int(value, 0) for name, value in CONSTANT.findall(source)}
    run = _Run(constants, int(size[1], 0), int(count[1], 0))
    run.execute(yul.parse(source[source.index("{", start) :]))
    return Trace(
        run.graph,
        run.proof_size // 32,
        run.instances,
        run.memory,
        constants,
        _points(source, "fixed"),
        _points(source, "permutation"),
        run.pairing,
    )


def _points(source: str, kind: str) -> list[Point]:
    parts = [int(value, 0) for value, of in POINT.findall(source) if of == kind]
    return list(zip(parts[::2], parts[1::2], strict=True))


class _ReturnedError(Exception):
    """The verifier's own end."""


class _Run:
    """One run: what is symbolic passes every check, addresses and conditions are concrete."""

    def __init__(self, constants: Scope | dict[str, int], proof_size: int, instances: int) -> None:
        self.graph = Graph()
        self.memory: dict[int, Value] = {}
        self.pairing: list[Value] = []
        self.proof_size = proof_size
        self.instances = instances
        self._first_instance = PROOF_AT + proof_size + 32
        self._globals: Scope = {
            **constants,
            "true": 1,
            "proof.offset": PROOF_AT,
            "proof.length": proof_size,
            "instances.offset": self._first_instance,
            "instances.length": instances,
        }
        self._functions: dict[str, yul.Function] = {}
        self._builtins: dict[str, Callable[..., Value]] = {
            "add": lambda a, b: (_int(a) + _int(b)) % WORD,
            "mul": lambda a, b: _int(a) * _int(b) % WORD,
            "shl": lambda a, b: (_int(b) << _int(a)) % WORD,
            "sub": self._sub,
            "addmod": self._addmod,
            "mulmod": self._mulmod,
            "mod": self._mod,
            "lt": lambda a, b: int(a < b) if isinstance(a, int) and isinstance(b, int) else 1,
            "eq": lambda a, b: int(a == b) if isinstance(a, int) and isinstance(b, int) else 1,
            "and": lambda a, b: _int(a) & _int(b),
            "iszero": lambda a: int(_int(a) == 0),
            "gas": lambda: 0,
            "pop": lambda a: 0,
            "mload": lambda at: self.memory.get(_int(at), 0),
            "mstore": self._mstore,
            "mstore8": lambda at, value: 0,
            "calldataload": self._calldataload,
            "keccak256": self._keccak,
            "staticcall": self._staticcall,
            "return": self._return,
            "revert": self._revert,
        }

    def execute(self, block: yul.Block) -> None:
        """Raises CircuitError."""
        try:
            self._block(block, [self._globals])
        except _ReturnedError:
            return
        raise CircuitError("the emitted verifier does not return")

    def _block(self, block: yul.Block, scopes: list[Scope]) -> None:
        inner = [*scopes, {}]
        for statement in block.statements:
            if isinstance(statement, yul.Function):
                self._functions[statement.name] = statement
        for statement in block.statements:
            self._statement(statement, inner)

    def _statement(self, statement: yul.Statement, scopes: list[Scope]) -> None:
        if isinstance(statement, yul.Block):
            self._block(statement, scopes)
        elif isinstance(statement, yul.Assign):
            self._assign(statement, scopes)
        elif isinstance(statement, yul.If):
            if _int(self._one(statement.condition, scopes)):
                self._block(statement.body, scopes)
        elif isinstance(statement, yul.For):
            self._for(statement, [*scopes, {}])
        elif isinstance(statement, yul.Call):
            self._values(statement, scopes)

    def _for(self, loop: yul.For, scopes: list[Scope]) -> None:
        for statement in loop.before.statements:
            self._statement(statement, scopes)
        while _int(self._one(loop.condition, scopes)):
            self._block(loop.body, scopes)
            self._block(loop.after, scopes)

    def _assign(self, statement: yul.Assign, scopes: list[Scope]) -> None:
        values: Sequence[Value] = [0]
        if statement.value is not None:
            values = self._values(statement.value, scopes)
        for name, value in zip(statement.names, values, strict=True):
            found = next((scope for scope in reversed(scopes) if name in scope), scopes[-1])
            (scopes[-1] if statement.declares else found)[name] = value

    def _one(self, expression: yul.Expression, scopes: list[Scope]) -> Value:
        (value,) = self._values(expression, scopes)
        return value

    def _values(self, expression: yul.Expression, scopes: list[Scope]) -> list[Value]:
        if isinstance(expression, yul.Literal):
            return [expression.value]
        if isinstance(expression, yul.Name):
            name = expression.name
            return [next(scope[name] for scope in reversed(scopes) if name in scope)]
        args = [self._one(arg, scopes) for arg in expression.args]
        if expression.name not in self._functions:
            if expression.name not in self._builtins:
                raise CircuitError(f"the emitted verifier uses {expression.name}")
            return [self._builtins[expression.name](*args)]
        function = self._functions[expression.name]
        local: Scope = dict(zip(function.args, args, strict=True))
        local.update(dict.fromkeys(function.returns, 0))
        self._block(function.body, [self._globals, local])
        return [local[name] for name in function.returns]

    def _sub(self, a: Value, b: Value) -> Value:
        if isinstance(a, int) and isinstance(b, int):
            return (a - b) % WORD
        if a != R:
            raise CircuitError("a difference of unreduced numbers")
        return self.graph.sub(0, b)

    def _addmod(self, a: Value, b: Value, modulus: Value) -> Value:
        return self.graph.add(a, b) if modulus == R else self.graph.node("checked", a, b)

    def _mulmod(self, a: Value, b: Value, modulus: Value) -> Value:
        return self.graph.mul(a, b) if modulus == R else self.graph.node("checked", a, b)

    def _mod(self, a: Value, modulus: Value) -> Value:
        return self.graph.node("challenge", a)

    def _mstore(self, at: Value, value: Value) -> Value:
        self.memory[_int(at)] = value
        return 0

    def _calldataload(self, at: Value) -> Value:
        word, odd = divmod(_int(at) - PROOF_AT, 32)
        if not odd and 0 <= word < self.proof_size // 32:
            return self.graph.node("proof", word)
        word, odd = divmod(_int(at) - self._first_instance, 32)
        if not odd and 0 <= word < self.instances:
            return self.graph.node("instance", word)
        raise CircuitError("the emitted verifier reads outside of the proof and the instances")

    def _keccak(self, at: Value, size: Value) -> Value:
        # One byte more than a word: the hash before and 0x01.
        words, more = divmod(_int(size), 32)
        values = [self.memory[_int(at) + 32 * i] for i in range(words)]
        return self.graph.node("hash_again" if more else "hash", *values)

    def _staticcall(self, *args: Value) -> Value:
        _, address, at, size, to, _ = (_int(arg) for arg in args)
        given = [self.memory.get(at + 32 * i, 0) for i in range(size // 32)]
        if address == 5:
            if given[:3] != [32, 32, 32] or given[4:] != [R - 2, R]:
                raise CircuitError("a power that is no inverse")
            self.memory[to] = self.graph.node("inverse", given[3])
        elif address in (6, 7):
            point = self.graph.node("ec_add" if address == 6 else "ec_mul", *given)
            self.memory[to] = self.graph.node("x", point)
            self.memory[to + 32] = self.graph.node("y", point)
        elif address == 8 and not self.pairing:
            self.pairing = given
            self.memory[to] = 1
        else:
            raise CircuitError(f"a call to precompile {address}")
        return 1

    def _return(self, *_: Value) -> Value:
        raise _ReturnedError

    def _revert(self, *_: Value) -> Value:
        raise CircuitError("the emitted verifier refuses every proof")


def _int(value: Value) -> int:
    if not isinstance(value, int):
        raise CircuitError("an address or a condition depends on the proof")
    return value
