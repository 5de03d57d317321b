"""One node of the graph of a formula of scalars, changed: what no transcription shows is the graph of a derivative."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from eqwise.conformance.comparison import Claim
from eqwise.conformance.diagnosis.hypothesis import Change, Hypothesis
from eqwise.conformance.diagnosis.trials import Trial
from eqwise.conformance.diagnosis.vocabulary import CONSTANT
from eqwise.spec.numbers.expression import ONE, Expression, negative, node, rebuild, walk
from eqwise.spec.numbers.printing import text

MOST_NODES = 60


def of_nodes(claim: Claim) -> Iterator[Hypothesis]:
    """One node of the graph changed: what no transcription shows is the graph of a derivative."""
    (output,) = claim.outputs
    nodes = [v for v in walk([output]) if v.operator not in ("number", "otherwise", "and", ">", "<", ">=", "<=")]
    if len(nodes) > MOST_NODES:
        return
    for k, v in enumerate(nodes):
        shown = text(v)
        if v is not output:
            yield Hypothesis("shortcut", f"the result is {shown}", 2, change=_node(k, nodes, None))
        if claim.is_derivative and v.arguments:
            for kind, told, made in _of_node(v):
                yield Hypothesis(kind, f"in the gradient, {told}", 2, change=_node(k, nodes, made))


def _of_node(v: Expression) -> Iterable[tuple[str, str, Callable[[tuple[Expression, ...]], Expression]]]:
    shown, parts = text(v), [text(a) for a in v.arguments]
    if v.operator in ("*", "+", "-", "/", "^"):
        kind = "term left out" if v.operator in "+-" else "factor left out"
        for j, part in enumerate(parts):
            yield kind, f"{part} left out of {shown}", lambda a, j=j: _without(v, a, j)  # type: ignore[misc]
    if v.operator == "neg" and v.arguments[0].operator == "symbol":
        yield "factor left out", f"1 for {parts[0]} in {shown}", lambda a: negative(ONE)
    if v.operator == "cases":
        for j in range(1, len(parts), 2):
            yield "branch", f"{parts[j]} everywhere for {shown}", lambda a, j=j: a[j]  # type: ignore[misc]
    if v.operator in ("exp", "log", "sqrt", "abs"):
        yield f"{v.operator} left out", f"{parts[0]} for {shown}", lambda a: a[0]
    yield "factor", f"{shown} times κ", lambda a: CONSTANT * node(v.operator, *a)
    yield "sign", f"the sign of {shown} turned", lambda a: negative(node(v.operator, *a))


def _without(v: Expression, arguments: tuple[Expression, ...], j: int) -> Expression:
    rest = [a for k, a in enumerate(arguments) if k != j]
    if v.operator == "-" and j == 0:
        return negative(rest[0])
    if v.operator == "/" and j == 0:
        return ONE / rest[0]  # type: ignore[no-any-return]
    return rest[0] if len(rest) == 1 else node(v.operator, *rest)


def _node(k: int, nodes: list[Expression], made: Callable[[tuple[Expression, ...]], Expression] | None) -> Change:
    """The graph with node k changed, or that node alone; other trials have the same graph over their own inputs."""

    def change(claim: Claim, trial: Trial) -> Sequence[Expression]:
        if claim.outputs[0] is not nodes[-1]:
            raise ValueError("another graph")
        if made is None:
            return [nodes[k]]
        return rebuild(claim.outputs, lambda old, arguments: made(arguments) if old is nodes[k] else None)

    return change
