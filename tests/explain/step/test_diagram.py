"""The diagram: every layer of both passes, with the real shapes and numbers, in valid Mermaid."""

from __future__ import annotations

import re

import numpy as np
import pytest

import chainrule as cr
from chainrule.errors import SettingsError
from chainrule.explain.step.diagram import diagram
from chainrule.text.tables import number

RNG = np.random.default_rng(3)
NODE = re.compile(r'^ {8}([A-Z]+\d*)\["([^"]*)"\]$')
EDGE = re.compile(r'^ {4,8}([A-Z]+\d*) -\.?->(?:\|"[^"|]*"\|)? ([A-Z]+\d*)$')


LAYERS = [
    ([5, 3], {}),
    ([5, 4, 3], {}),
    ([5, 12, 4, 6, 2, 3], {}),
    ([5, 5, 4, 4, 3], {"normalization": "layer"}),
    ([5, 5, 4, 4, 3], {"residual": True}),
    ([5, 5, 4, 4, 4, 3], {"residual": True, "normalization": ["layer", None, "layer", None]}),
]


@pytest.fixture(scope="module", params=LAYERS, ids=str)
def step(request: pytest.FixtureRequest) -> cr.Step:
    """One step of networks with no, one and more hidden layers, plain, normalised and residual."""
    sizes, layers = request.param
    net = cr.Network(sizes, **layers)
    run = cr.train(net, RNG.normal(size=(20, 5)), RNG.integers(0, 3, size=20), epochs=1, progress=False)
    return run.replay(0)


def test_every_line_is_a_node_an_edge_or_a_subgraph(step: cr.Step) -> None:
    """The source consists of quoted nodes, edges between nodes that exist, and two closed subgraphs."""
    first, *lines = step.to_mermaid().splitlines()
    assert first == "graph TD"
    nodes = {match[1] for line in lines if (match := NODE.match(line))}
    edges = [match.groups() for line in lines if (match := EDGE.match(line))]
    others = [line for line in lines if not NODE.match(line) and not EDGE.match(line)]
    assert [line.split("[")[0].strip() for line in others] == ["subgraph FORWARD", "end", "subgraph BACKWARD", "end"]
    assert nodes == {end for edge in edges for end in edge}


def test_both_passes_and_the_way_back(step: cr.Step) -> None:
    """Input to output, the comparison, delta from the output down, every gradient, every update arrow."""
    source, sizes = step.to_mermaid(), step.architecture.sizes
    L = len(sizes) - 1
    edges = [match.groups() for line in source.splitlines() if (match := EDGE.match(line))]
    for l in range(1, L + 1):
        layer = step.architecture.layers[l - 1]
        assert (f"A{l - 1}", f"Z{l}") in edges and ("U" if layer.normalization else "Z") + str(l) in dict(edges)
        assert ((f"Z{l}", f"U{l}") in edges) == ((f"U{l}", f"A{l}") in edges) == bool(layer.normalization)
        assert ((f"A{l - 1}", f"A{l}") in edges) == layer.residual
        assert (f"Z{l}", f"A{l}") in edges or layer.normalization
        assert ((f"S{l}", f"S{l - 1}") in edges) == (layer.residual and l > 1)
        assert (f"D{l}", f"G{l}") in edges and (f"G{l}", f"Z{l}") in edges
        assert f"W{l} {sizes[l - 1]}×{sizes[l]}" in source
    assert (f"A{L}", "J") in edges and ("J", f"D{L}") in edges
    for l in range(1, L):  # from one error to the next below, by da and du where there are any
        reached = {f"D{l + 1}"}
        for _ in range(3):
            reached |= {end for begin, end in edges if begin in reached}
        assert f"D{l}" in reached
    assert "Forward Propagation" in source and "Backward Propagation" in source
    assert "compare with true label" in source and source.count("update weights") == L


def test_the_numbers_are_those_of_the_row(step: cr.Step) -> None:
    """J of the batch, and the first values of z, a and delta of the chosen row."""
    source = diagram(step.record, step.architecture, row=3)
    u, du = step.forward.u[1], step.backward.du[1]
    normalised = [] if u is None else [u[3], du[3]]
    for vector in (step.forward.z[1][3], step.forward.output[3], step.backward.delta[-1][3], *normalised):
        assert ", ".join(number(x) for x in vector[:3]) in source
    assert number(step.backward.loss) in source


def test_a_row_outside_the_batch_is_named(step: cr.Step) -> None:
    """A row that the batch does not have is a SettingsError."""
    with pytest.raises(SettingsError, match="must be 0 to 19"):
        diagram(step.record, step.architecture, row=20)
