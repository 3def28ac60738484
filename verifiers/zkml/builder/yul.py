# SPDX-License-Identifier: Apache-2.0
"""A parser for the Yul that ezkl's verifiers are written in."""

from __future__ import annotations

import re
from dataclasses import dataclass

from verifiers.zkml.errors import CircuitError

TOKEN = re.compile(r"\s*(0x[0-9a-fA-F]+|\d+|[A-Za-z_][\w.]*|:=|->|[{}(),])")
COMMENT = re.compile(r"//[^\n]*")


@dataclass(frozen=True)
class Literal:
    value: int


@dataclass(frozen=True)
class Name:
    name: str


@dataclass(frozen=True)
class Call:
    name: str
    args: tuple[Expression, ...]


Expression = Literal | Name | Call


@dataclass(frozen=True)
class Block:
    statements: tuple[Statement, ...]


@dataclass(frozen=True)
class Assign:
    """``let`` when it declares; without a value, zero."""

    names: tuple[str, ...]
    value: Expression | None
    declares: bool


@dataclass(frozen=True)
class If:
    condition: Expression
    body: Block


@dataclass(frozen=True)
class For:
    before: Block
    condition: Expression
    after: Block
    body: Block


@dataclass(frozen=True)
class Function:
    name: str
    args: tuple[str, ...]
    returns: tuple[str, ...]
    body: Block


Statement = Block | Assign | If | For | Function | Call


def parse(source: str) -> Block:
    """The block that ``source`` begins with. Raises CircuitError."""
    return _Parser(_tokens(source)).block()


def _tokens(source: str) -> list[str]:
    """Up to the brace that closes the first block."""
    text, found, at, depth = COMMENT.sub("", source), [], 0, 0
    while match := TOKEN.match(text, at):
        token, at = match[1], match.end()
        found.append(token)
        depth += (token == "{") - (token == "}")
        if not depth:
            return found
    raise CircuitError(f"no Yul: {text[at : at + 40]!r}")


class _Parser:
    def __init__(self, tokens: list[str]) -> None:
        self._tokens = tokens
        self._at = 0

    def block(self) -> Block:
        self._expect("{")
        statements = []
        while self._tokens[self._at] != "}":
            statements.append(self._statement())
        self._expect("}")
        return Block(tuple(statements))

    def _next(self) -> str:
        self._at += 1
        return self._tokens[self._at - 1]

    def _takes(self, token: str) -> bool:
        if self._tokens[self._at] != token:
            return False
        self._at += 1
        return True

    def _expect(self, token: str) -> None:
        if not self._takes(token):
            near = " ".join(self._tokens[max(0, self._at - 3) : self._at + 3])
            raise CircuitError(f"no Yul: {token!r} expected near {near!r}")

    def _statement(self) -> Statement:
        token = self._tokens[self._at]
        if token == "{":
            return self.block()
        if self._takes("let"):
            names = self._names()
            return Assign(names, self._expression() if self._takes(":=") else None, True)
        if self._takes("function"):
            return self._function()
        if self._takes("for"):
            return For(self.block(), self._expression(), self.block(), self.block())
        if self._takes("if"):
            return If(self._expression(), self.block())
        return self._assignment_or_call()

    def _function(self) -> Function:
        name = self._next()
        self._expect("(")
        args = () if self._tokens[self._at] == ")" else self._names()
        self._expect(")")
        return Function(name, args, self._names() if self._takes("->") else (), self.block())

    def _names(self) -> tuple[str, ...]:
        names = [self._next()]
        while self._takes(","):
            names.append(self._next())
        return tuple(names)

    def _assignment_or_call(self) -> Statement:
        if self._tokens[self._at + 1] in (",", ":="):
            names = self._names()
            self._expect(":=")
            return Assign(names, self._expression(), False)
        call = self._expression()
        if not isinstance(call, Call):
            raise CircuitError(f"no Yul: {call} is no statement")
        return call

    def _expression(self) -> Expression:
        token = self._next()
        if token[0].isdigit():
            return Literal(int(token, 0))
        if not self._takes("("):
            return Name(token)
        args = []
        while not self._takes(")"):
            args.append(self._expression())
            self._takes(",")
        return Call(token, tuple(args))
