# SPDX-License-Identifier: Apache-2.0
"""A circuit's program from the verifier that ezkl emits for it, the same one every time."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from verifiers.zkml.builder.assemble import Assembler
from verifiers.zkml.builder.columns import Placed, place
from verifiers.zkml.builder.trace import Graph, Node, Trace
from verifiers.zkml.errors import CircuitError
from verifiers.zkml.field import MAX_K, ROOT, R
from verifiers.zkml.program import (
    FIRST_EVAL,
    FULL,
    HERE,
    MAX_LAST,
    NEXT,
    VERSION,
    Header,
    Lookup,
    Opening,
    Program,
)


@dataclass(frozen=True)
class Counts:
    """How many of each, from the lengths of what the transcript absorbs."""

    advice: int
    lookups: int
    products: int
    quotients: int
    evals: int
    advice_evals: int

    @property
    def heads(self) -> int:
        return self.advice + 2 * self.lookups + self.products + 1 + self.quotients


def derive(trace: Trace) -> Program:
    """Raises CircuitError for a circuit that the verifier on chain can't carry."""
    counts = _counts(trace)
    constraints = _constraints(trace)
    own = len(constraints) - 3 * counts.lookups
    gates, arguments = constraints[: own - 2 * counts.products - 1], constraints[own:]
    products = constraints[own - counts.products : own]
    columns = [_columns(trace, product) for product in products]
    uses = Counter(arg for node in trace.graph.nodes for arg in node.args if isinstance(arg, Node))
    work = Assembler(_registers(trace, counts), uses)
    for gate in gates:
        work.gate(gate)
    lookups = [_lookup(trace, work, main) for main in arguments[2::3]]
    registers = [work.register(column) for chunk in columns for column in chunk]
    last = _last(trace)
    placed = place(trace, counts.heads, counts.advice, counts.advice_evals, last)
    sets = _sets(placed, counts.products)
    constants, ops = work.finish(FIRST_EVAL + counts.advice_evals + len(trace.fixed))
    header = Header(
        VERSION,
        trace.number("K_MPTR"),
        last,
        trace.instances,
        counts.advice,
        counts.advice_evals,
        len(trace.fixed),
        len(trace.sigmas),
        len(columns[0]),
        counts.lookups,
        counts.quotients,
        len(constants),
        -(-len(ops) // 8),
        len(sets),
        sets.index(HERE),
        sets.index(FULL) if FULL in sets else 0,
        sets.index(NEXT),
    )
    return Program(
        header,
        trace.number("VK_DIGEST_MPTR"),
        tuple(sets),
        tuple(Opening(one.column, sets.index(one.mask), one.evals) for one in placed),
        tuple(work.settled(register) for register in registers),
        tuple(
            Lookup(work.settled(lookup.table), tuple(map(work.settled, lookup.inputs)))
            for lookup in lookups
        ),
        constants,
        ops,
        tuple(trace.fixed),
        tuple(trace.sigmas),
    )


def _counts(trace: Trace) -> Counts:
    """Raises CircuitError unless the transcript absorbs everything once, in order."""
    hashes = [node for node in trace.graph.nodes if node.kind in ("hash", "hash_again")]
    kinds = [len(node.args) - 1 for node in hashes if node.kind == "hash"]
    again = [i for i, node in enumerate(hashes) if node.kind == "hash_again"]
    absorbed = [arg for node in hashes for arg in node.args[1:]]
    proof = [trace.graph.node("proof", i) for i in range(trace.proof_words - 2)]
    given = [trace.graph.node("instance", i) for i in range(trace.instances)]
    if again != [2, 6] or len(kinds) != 6 or absorbed != given + proof:
        raise CircuitError("the circuit's transcript has other phases")
    first, counted, sums, quotients, evals, _ = kinds
    lookups = counted // 2
    products = sums // 2 - lookups - 1
    rest = 3 * (products + lookups) + len(trace.fixed) + len(trace.sigmas)
    return Counts(
        (first - trace.instances) // 2, lookups, products, quotients // 2, evals, evals - rest
    )


def _last(trace: Trace) -> int:
    """Rows from the end to the last usable one. Raises CircuitError."""
    k = trace.number("K_MPTR")
    omega, row = pow(ROOT, 1 << MAX_K - k, R), trace.number("OMEGA_INV_TO_L_MPTR")
    for last in range(1, MAX_LAST + 1):
        if row * pow(omega, last, R) % R == 1:
            return last
    raise CircuitError(f"more than {MAX_LAST} unusable rows")


def _constraints(trace: Trace) -> list[int | Node]:
    """In the order in which powers of y fold them."""
    y = trace.named("Y_MPTR")
    quotient = trace.named("QUOTIENT_EVAL_MPTR")
    if not isinstance(quotient, Node) or quotient.kind != "mul":
        raise CircuitError("the emitted verifier has no quotient")
    found: list[int | Node] = []
    folded = quotient.args[0]
    while True:
        before = _unfolded(trace.graph, folded, y)
        if before is None:
            return [folded, *reversed(found)]
        folded, constraint = before
        found.append(constraint)


def _unfolded(
    graph: Graph, folded: int | Node, y: int | Node
) -> tuple[int | Node, int | Node] | None:
    """(what was folded before, the last constraint); None at the first one."""
    if not isinstance(folded, Node):
        return None
    if folded.kind == "mul" and folded.args[1] is y:
        return folded.args[0], 0
    if folded.kind in ("add", "sub"):
        product, constraint = folded.args
        if isinstance(product, Node) and product.kind == "mul" and product.args[1] is y:
            negated = folded.kind == "sub"
            return product.args[0], graph.sub(0, constraint) if negated else constraint
    return None


def _columns(trace: Trace, constraint: int | Node) -> list[int | Node]:
    """What a permutation product multiplies: eval + beta * sigma + gamma, column by column."""
    difference = _args(constraint, "sub")[0]
    spine, found = _args(difference, "sub")[0], []
    while isinstance(spine, Node) and spine.kind == "mul":
        spine, factor = spine.args
        with_sigma = _without(factor, trace.named("GAMMA_MPTR"))
        found.append(_args(with_sigma, "add")[0])
    return found[::-1]


def _lookup(trace: Trace, work: Assembler, constraint: int | Node) -> Lookup:
    """The table is the first factor of what the next row's sum is multiplied with."""
    left = _args(_args(constraint, "mul")[1], "sub")[0]
    factors, product = [], _args(left, "mul")[0]
    while isinstance(product, Node) and product.kind == "mul":
        product, factor = product.args
        factors.append(factor)
    table, *inputs = [
        work.register(_without(factor, trace.named("BETA_MPTR")))
        for factor in (product, *reversed(factors))
    ]
    return Lookup(table, tuple(inputs))


def _without(value: int | Node, challenge: int | Node) -> int | Node:
    first, second = _args(value, "add")
    if second is not challenge:
        raise CircuitError("an argument of another form")
    return first


def _args(value: int | Node, kind: str) -> tuple[int | Node, ...]:
    if not isinstance(value, Node) or value.kind != kind:
        raise CircuitError("an argument of another form")
    return value.args


def _registers(trace: Trace, counts: Counts) -> dict[Node, int]:
    """What a program may read: theta, the instances' polynomial, evaluations of advice and fixed
    columns. The others' commitments follow the arguments' challenges."""
    found = {
        trace.graph.node("proof", 2 * counts.heads + i): FIRST_EVAL + i
        for i in range(counts.advice_evals + len(trace.fixed))
    }
    for register, name in ((1, "THETA_MPTR"), (2, "INSTANCE_EVAL_MPTR")):
        value = trace.named(name)
        if isinstance(value, Node):
            found[value] = register
    return found


def _sets(placed: list[Placed], products: int) -> list[int]:
    """In order of the first commitment of each: advice, then permutation products, then lookups."""
    order: dict[int, None] = {}
    for one in placed:
        order.setdefault(one.mask)
    for mask in (*([FULL] if products > 1 else []), NEXT, HERE):
        order.setdefault(mask)
    return list(order)
