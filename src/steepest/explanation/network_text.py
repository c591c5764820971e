"""A network and one row in lines of text: forwards, then backwards."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from steepest.core.words import plural
from steepest.explanation.deriving import derive
from steepest.explanation.graph_text import shown
from steepest.explanation.writing import filled, number, write

if TYPE_CHECKING:
    from steepest.explanation.network import Network

MOST_UNITS = 4
"""Units of a layer that are written out."""
MOST_TERMS = 4
"""Terms of a weighted sum that are written out."""


def lines(network: Network) -> Iterator[str]:
    """Inputs, weighted sums, activations, loss; then the deltas and the gradients.

    Args:
        network: with what flowed through.
    """
    yield "Forwards"
    pairs = [
        f"{name} = {number(x)}"
        for name, x in zip(network.columns, network.inputs, strict=True)
    ]
    more = f", and {len(pairs) - 8} more" if len(pairs) > 8 else ""
    yield f"  inputs a0: {', '.join(pairs[:8])}{more}"
    for k in range(1, len(network.layers) + 1):
        yield from _forward(network, k)
    yield from _loss(network)
    yield ""
    yield "Backwards: delta is the derivative of the loss by a weighted sum z"
    for k in range(len(network.layers), 0, -1):
        yield from _backward(network, k)


def _forward(network: Network, k: int) -> Iterator[str]:
    from steepest.explanation.network import ACTIVATIONS

    layer, passed = network.layers[k - 1], network.passes[k - 1]
    n_out, n_in = layer.weight.shape
    last = k == len(network.layers)
    how = "p = z" if last else f"a = {layer.activation}(z)"
    if layer.activation and not last:
        formula = ACTIVATIONS[layer.activation].text
        how += "" if formula == f"{layer.activation}(z)" else f" = {formula}"
    kind = "output" if last else "layer"
    yield f"  {kind} {k}: {plural(n_in, 'input')}, {plural(n_out, 'unit')}; {how}"
    for i in range(min(n_out, MOST_UNITS)):
        terms = [
            f"{_bracket(w, first=j == 0)}*{_bracket(x)}"
            for j, (w, x) in enumerate(zip(layer.weight[i], passed.inputs, strict=True))
        ]
        if len(terms) > MOST_TERMS:
            terms = [*terms[:MOST_TERMS], "..."]
        written = " + ".join([*terms, _bracket(layer.bias[i])])
        yield f"    z{k}[{i}] = {written} = {number(passed.z[i])}"
        if not last:
            name = f"a{k}[{i}]"
            value = number(passed.a[i])
            yield f"    {name} = {layer.activation}({number(passed.z[i])}) = {value}"
    yield from _rest(n_out)


def _rest(n: int) -> Iterator[str]:
    if n > MOST_UNITS:
        yield f"    ... and {plural(n - MOST_UNITS, 'more unit')}"


def _bracket(value: float, *, first: bool = False) -> str:
    return f"({number(value)})" if value < 0 and not first else number(value)


def _loss(network: Network) -> Iterator[str]:
    from steepest.explanation.network import LOSSES

    p = network.passes[-1].a
    yield f"  prediction p = {shown(p)}, target y = {number(network.target)}"
    if network.loss in LOSSES:
        tree = LOSSES[network.loss]
        put = filled(tree, {"p": float(p[0]), "y": network.target})
        yield f"  loss {network.loss} = {write(tree)}"
        yield f"    = {write(put)} = {number(network.value)}"
    else:
        yield f"  loss {network.loss} = {network.formula}"
        yield f"    = {number(network.value)}"


def _backward(network: Network, k: int) -> Iterator[str]:
    layer, passed = network.layers[k - 1], network.passes[k - 1]
    n_out, n_in = layer.weight.shape
    if k == len(network.layers):
        yield f"  output {k}:"
        yield from _output_delta(network)
    else:
        yield from _hidden_delta(network, k)
    for i in range(min(n_out, MOST_UNITS)):
        for j in range(min(n_in, MOST_TERMS)):
            yield (
                f"    ∂loss/∂w{k}[{i},{j}] = delta{k}[{i}]*a{k - 1}[{j}] = "
                f"{number(passed.delta[i])}*{_bracket(passed.inputs[j])} = "
                f"{number(passed.by_weight[i, j])}"
            )
        if n_in > MOST_TERMS:
            more = plural(n_in - MOST_TERMS, "more weight")
            yield f"    ... and {more} of unit {i}"
        yield f"    ∂loss/∂b{k}[{i}] = delta{k}[{i}] = {number(passed.delta[i])}"
    yield from _rest(n_out)


def _output_delta(network: Network) -> Iterator[str]:
    from steepest.explanation.network import LOSSES

    k, delta = len(network.layers), network.passes[-1].delta
    if network.loss in LOSSES:
        found = derive(LOSSES[network.loss], {"p": None, "y": None})["p"].common
        if found is not None:
            values = {"p": float(network.passes[-1].a[0]), "y": network.target}
            put = write(filled(found, values))
            yield f"    delta{k}[0] = ∂loss/∂p = {write(found)}"
            yield f"      = {put} = {number(delta[0])}"
            return
    for i in range(min(len(delta), MOST_UNITS)):
        yield f"    delta{k}[{i}] = ∂loss/∂p[{i}] = {number(delta[i])}"


def _hidden_delta(network: Network, k: int) -> Iterator[str]:
    from steepest.explanation.network import ACTIVATIONS

    layer, passed = network.layers[k - 1], network.passes[k - 1]
    after, later = network.layers[k], network.passes[k]
    kind = ACTIVATIONS[layer.activation]
    yield f"  layer {k}: the slope of {layer.activation} is {kind.slope_text}"
    for j in range(min(len(passed.delta), MOST_UNITS)):
        pairs = list(zip(after.weight[:, j], later.delta, strict=True))
        terms = [
            f"{_bracket(w, first=i == 0)}*{_bracket(d)}"
            for i, (w, d) in enumerate(pairs[:MOST_TERMS])
        ]
        terms += ["..."] if len(pairs) > MOST_TERMS else []
        back = f"({' + '.join(terms)})*{_bracket(passed.slope[j])}"
        names = " + ".join(
            f"w{k + 1}[{i},{j}]*delta{k + 1}[{i}]" for i in range(len(pairs))
        )
        if len(pairs) <= 2:
            yield f"    delta{k}[{j}] = ({names}) * slope"
        else:
            names = f"sum of w{k + 1}[i,{j}]*delta{k + 1}[i]"
            yield f"    delta{k}[{j}] = ({names}) * slope"
        yield f"      = {back} = {number(passed.delta[j])}"
