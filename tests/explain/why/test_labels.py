"""Labels are their formulas: evaluated with the numbers of the step, every one gives the value shown beside it."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning

import chainrule as cr
from chainrule.explain.why.text import TEXT
from chainrule.reference.activations import ACTIVATIONS
from chainrule.reference.kinds.layer_norm import normalised
from chainrule.sklearn import MLPRegressor
from formulas import evaluated
from tolerances import FLOAT32

RNG = np.random.default_rng(5)
X = RNG.normal(size=(40, 4))
Y = RNG.integers(0, 3, size=40)
WEIGHT = RNG.uniform(0.2, 3.0, size=40)
DIGITS = 5e-5
"""Half a unit of the fifth digit, to which lines show their numbers, of a number that begins with 1."""

OPTIMIZERS = {
    "sgd": cr.SGD(0.3),
    "momentum": cr.SGD(0.1, momentum=0.9),
    "nesterov": cr.SGD(0.1, momentum=0.8, nesterov=True),
    "adam": cr.Adam(0.01, beta1=0.8, beta2=0.95),
    "adamw": cr.AdamW(0.01, weight_decay=0.3),
    "rmsprop": cr.RMSProp(0.01, rho=0.9),
    "adagrad": cr.Adagrad(0.05),
}
PENALTIES: list[dict[str, float]] = [{}, {"l2": 0.02}, {"l1": 0.003}, {"l2": 0.02, "l1": 0.003}]
LAYERS: dict[str, dict[str, Any]] = {
    "plain": {},
    "normalised": {"normalization": "layer"},
    "residual": {"residual": True},
    "both": {"normalization": "layer", "residual": True},
}
GREEK = {"momentum": "μ", "beta1": "β₁", "beta2": "β₂", "rho": "ρ", "epsilon": "ε", "weight_decay": "λ"}


def step_of(optimizer: Any, layers: dict[str, Any], activation: str = "tanh", t: int = 8, **options: Any) -> cr.Step:
    net = cr.Network([4, 4, 4, 3], activation, seed=2, dtype="float32", **layers)
    return cr.train(net, X, Y, batch_size=9, epochs=3, optimizer=optimizer, progress=False, **options).replay(t)


class Numbers(dict):
    """The numbers of a step by the names that labels use; parameters as they were before it."""

    def __init__(self, step: cr.Step, **more: Any) -> None:
        super().__init__(more)
        self.step = step
        self["sign"] = np.sign

    def __missing__(self, name: str) -> float:
        match = re.fullmatch(r"([^\d\[]+)(\d*)\[([\d,]+)\]", name)
        if match is None:
            raise KeyError(name)
        kind, l, at = match[1], int(match[2] or 0), tuple(map(int, match[3].split(",")))
        return float(self.array(kind, l)[at])

    def array(self, kind: str, l: int) -> Any:
        step, f, b = self.step, self.step.forward, self.step.backward
        if kind in ("z", "u", "a"):
            return getattr(f, kind)[l]
        if kind == "mask":
            return f.masks[l]
        if kind in ("delta", "du"):
            return getattr(b, kind)[l]
        if kind == "da":
            above = b.delta[l + 1].astype(float) @ step.update.old.W[l + 1].astype(float).T
            return above + (self.array("da", l + 1) if step.architecture.residuals[l + 1] else 0)
        return b.of_tensor(kind[1:])[l] if kind[0] == "d" else getattr(step.update.old, kind)[l]


def clipped(step: cr.Step) -> tuple[float, float]:
    """The norm of ∇(J + penalty) over all parameters, and c."""
    s, b, old, squares = step.settings, step.backward, step.update.old, 0.0
    for l, layer in enumerate(step.architecture.layers, start=1):
        for name in layer.tensors:
            g, theta = b.of_tensor(name)[l].astype(float), getattr(old, name)[l].astype(float)
            squares += ((g + (s.l2 * theta + s.l1 * np.sign(theta) if name == "W" else 0)) ** 2).sum()
    norm = math.sqrt(squares)
    return norm, 1.0 if s.clip_norm is None or norm <= s.clip_norm else s.clip_norm / norm


def before(step: cr.Step, name: str) -> Numbers:
    """The numbers that the labels of an updated parameter speak of."""
    kind, l, at = re.fullmatch(r"(\D+)(\d)\[(.*)\]", name).groups()
    at = tuple(map(int, at.split(",")))
    u, (norm, c) = step.update, clipped(step)
    hyper = {key: value for key, value in {**step.optimizer, **step.settings.optimizer}.items() if key != "name"}
    theta = float(getattr(u.old, kind)[int(l)][at])
    numbers = Numbers(
        step, **hyper, **{GREEK[key]: value for key, value in hyper.items() if key in GREEK}, η=u.learning_rate,
        t=step.step + 1, θ=theta, W=theta, l2=step.settings.l2, l1=step.settings.l1, c=c, norm=norm,
        clip_norm=step.settings.clip_norm, g=float(getattr(u.gradient, kind)[int(l)][at]),
    )  # fmt: skip
    return Numbers(step, **numbers, **{key: float(getattr(p, kind)[int(l)][at]) for key, p in u.old.optimizer.items()})


def rounding_of(formula: str, numbers: Numbers) -> float:
    """How far the digits of the decimals in a formula, each rounded to five, may move its value."""
    value, moved = evaluated(formula, numbers), 0.0
    for match in re.finditer(r"(?<![\w\[,])\d+(?:\.\d+(?:e-?\d+)?|e-?\d+)", formula):
        other = formula[: match.start()] + repr(float(match[0]) * (1 + DIGITS)) + formula[match.end() :]
        moved += abs(evaluated(other, numbers) - value)
    return moved


def evaluate_lines(lines: tuple[str, ...], numbers: Numbers) -> Numbers:
    """Every line as an assignment, one after the other: all its sides that can be evaluated agree."""
    numbers = Numbers(numbers.step, **numbers)
    for line in lines:
        for part in re.sub(r"‖∇.*?‖", "norm", line).split(",  "):
            name, *sides = re.split(r" = | ← ", part)
            values = [evaluated(side, numbers) for side in sides]
            for side, value in zip(sides, values, strict=True):
                allowed = rounding_of(side, numbers) + DIGITS * abs(values[-1]) + FLOAT32 * abs(value)
                assert abs(value - values[-1]) <= allowed, line
            if len(sides) > 1 or "←" in part:  # else the five digits of a number that is known
                numbers[name] = values[0]
    return numbers


def check_update(step: cr.Step, name: str) -> None:
    """Formula, lines, labels, factors, JSON, both texts and NumPy lines of one updated parameter."""
    why, numbers = step.why(name), before(step, name)
    after = evaluate_lines(why.origin.lines, numbers)
    heading = Numbers(step, **(numbers if "v ←" in why.origin.symbols else after))
    for part in why.origin.symbols.split(",   "):
        target, formula = part.split(" ← ")
        heading[target] = evaluated(formula, heading)
    size = max(abs(term.value) for term in why.origin.terms)
    assert heading[name] == pytest.approx(why.value, abs=10 * FLOAT32 * size)
    start, *changes = why.origin.terms
    labels = Numbers(step, **{**after, **numbers})
    assert start.name == f"{name} (t)" and start.value == numbers["θ"] and changes
    for term in changes:
        assert evaluated(term.name, labels) == pytest.approx(term.value, rel=1e-6), term.name
        if term.factors:
            assert math.prod(x for _, x in term.factors) == term.value
            assert "·".join(factor for factor, _ in term.factors) == term.name
    assert abs(why.rounding) <= 10 * FLOAT32 * size
    assert math.fsum(term.value for term in why.origin.terms) + why.rounding == pytest.approx(why.value, rel=1e-15)
    assert [(t["name"], t["value"]) for t in why.to_dict()["terms"]] == [(t.name, t.value) for t in why.origin.terms]
    for language in TEXT:
        assert all(term.name in why.text(language) for term in changes)
    space: dict[str, Any] = {}
    exec(why.numpy(), space)
    assert float(space["value"]) == why.value


@pytest.mark.parametrize("clip_norm", [None, 0.1], ids=["", "clipped"])
@pytest.mark.parametrize("penalties", PENALTIES, ids=lambda p: "+".join(p))
@pytest.mark.parametrize("optimizer", OPTIMIZERS.values(), ids=OPTIMIZERS)
def test_every_label_of_an_update_is_its_formula(optimizer: Any, penalties: dict, clip_norm: float | None) -> None:
    """Every optimizer with every penalty, clipped or not, in a normalised network with residual connections."""
    step = step_of(optimizer, LAYERS["both"], clip_norm=clip_norm, dropout=0.2, sample_weight=WEIGHT, **penalties)
    assert (clipped(step)[1] < 1) == (clip_norm is not None)
    for name in ("W1[3,2]", "W3[1,0]", "b2[3]", "gain1[2]", "shift2[0]"):
        check_update(step, name)


@pytest.mark.parametrize("solver", ["adam", "sgd", "nesterov"])
def test_the_rules_of_scikit_learn_too(solver: str) -> None:
    """Its velocity holds steps, its ε is added before the correction, its alpha is divided by the rows of the batch."""
    model = MLPRegressor(
        hidden_layer_sizes=(5,), solver=solver.replace("nesterov", "sgd"), nesterovs_momentum=solver == "nesterov",
        alpha=0.3, max_iter=3, learning_rate_init=0.01, batch_size=9, random_state=0,
    )  # fmt: skip
    with pytest.warns(ConvergenceWarning):
        model.fit(X, X[:, 0])
    step = model.run_.replay(4)
    for name in ("W1[3,2]", "W2[1,0]", "b1[3]"):
        check_update(step, name)


def test_the_labels_by_hand() -> None:
    """The kinds of labels that were not their formulas: a clipped penalty, Nesterov's step, two gradients of Adam."""
    both = {"l2": 0.02, "clip_norm": 0.1}
    nesterov = step_of(OPTIMIZERS["nesterov"], {}, **both).why("W2[0,1]")
    assert [term.name for term in nesterov.origin.terms] == [
        "W2[0,1] (t)", "−η·(1 + μ)·c·dW2[0,1]", "−η·(1 + μ)·c·l2·W", "−η·μ²·v",
    ]  # fmt: skip
    assert nesterov.origin.symbols == "v ← μ·v + g,   W2[0,1] ← θ − η·(g + μ·v)"
    adam = step_of(OPTIMIZERS["adam"], {}, l2=0.02).why("W2[0,1]")
    assert [term.name for term in adam.origin.terms[1:3]] == ["−α·(1 − β₁)·dW2[0,1]", "−α·(1 − β₁)·l2·W"]
    assert step_of(OPTIMIZERS["momentum"], {}).why("b1[0]").origin.symbols == "v ← μ·v + g,   b1[0] ← θ − η·v"


def names_of(step: cr.Step) -> Iterator[str]:
    """Numbers of every kind in every layer."""
    for l, layer in enumerate(step.architecture.layers, start=1):
        yield from (f"{kind}{l}[1,2]" for kind in ("z", "a", "delta"))
        yield from (f"{kind}{l}[2,0]" for kind in (("u", "du") if layer.kind else ()))
        yield from (f"d{tensor}{l}[{'3,' if tensor == 'W' else ''}1]" for tensor in layer.tensors)
        yield f"da{l - 1}[1,3]"
    yield "loss"


def slope_at(step: cr.Step, label: str) -> float:
    """g′ by central differences in float64, of a label such as "g′(z1[0,4])"."""
    name = re.search(r"\((.*?)\)", label)[1]
    l = int(re.search(r"\d", name)[0])
    g, at, h = ACTIVATIONS[step.architecture.layers[l - 1].activation].g, Numbers(step)[name], 1e-5
    return float((g(np.array([[at + h]])) - g(np.array([[at - h]])))[0, 0] / (2 * h))


@pytest.mark.parametrize("weight", [None, WEIGHT], ids=["", "weighted"])
@pytest.mark.parametrize("dropout", [0.0, 0.3], ids=["", "dropout"])
@pytest.mark.parametrize("layers", LAYERS.values(), ids=LAYERS)
@pytest.mark.parametrize("activation", ["tanh", "softmax"])
def test_every_label_of_a_pass_is_its_formula(activation: str, layers: dict, dropout: float, weight: Any) -> None:
    """Factors are the recorded numbers of their names, terms their products, and steps lead on by what they say."""
    step = step_of(cr.SGD(0.1), layers, activation, dropout=dropout, sample_weight=weight)
    numbers = Numbers(step)
    for name in names_of(step):
        origin = step.why(name).origin
        for term in origin.terms:
            if term.factors:
                assert math.prod(x for _, x in term.factors) == pytest.approx(term.value, rel=1e-12, abs=1e-30)
                assert [f.lstrip("−") for f, _ in term.factors] == re.split(r" ?· ?(?![^(]*\))", term.name.lstrip("−"))
            for label, value in term.factors:
                if re.fullmatch(r"[a-zA-Z]+\d\[[\d,]+\]", label):
                    assert value == pytest.approx(numbers[label], rel=1e-6, abs=1e-9), (name, label)
        check_steps(step, name)


def check_steps(step: cr.Step, name: str) -> None:
    """Each step of an answer does to the value before it what its label says."""
    origin, at = step.why(name).origin, step.why(name).origin.total
    for label, value in origin.steps:
        shown = evaluated(label.rpartition(" = ")[2], {"e": math.e})
        if label.startswith("· g′"):
            assert shown == pytest.approx(slope_at(step, label), rel=1e-4, abs=1e-8)
        if label.startswith("· mask"):
            l, place = re.fullmatch(r"\D+(\d)(\[.*\])", name).groups()
            assert shown == pytest.approx(Numbers(step)[f"mask{l}{place}"], rel=1e-6)
        done = {"·": at * shown, "/": at / shown if shown else 0.0, "+": at + shown}.get(label[0], shown)
        assert done == pytest.approx(value, rel=2e-6, abs=1e-7 * max(1e-3, abs(at))), (name, label)
        at = value


def test_du_times_gain_by_hand() -> None:
    """delta of a normalised layer: its first term is du·gain of the recorded numbers, x̂ the normalised z."""
    step = step_of(cr.Adam(0.05), LAYERS["normalised"])
    term, mean, along = step.why("delta2[1,3]").to_dict()["terms"]
    du, gain = float(step.backward.du[2][1, 3]), float(step.update.old.gain[2][3])
    assert term["factors"] == {"du2[1,3]": du, "gain2[3]": gain} and term["value"] == pytest.approx(du * gain)
    assert term["name"] == "du2[1,3] · gain2[3]" and gain != 1
    x_hat = normalised(step.forward.z[2][1:2].astype(float))[0][0]
    dx = step.backward.du[2][1].astype(float) * step.update.old.gain[2].astype(float)
    assert mean["value"] == pytest.approx(-dx.mean())
    assert list(along["factors"].values()) == pytest.approx([-x_hat[3], (dx * x_hat).mean()])


@pytest.mark.parametrize("dropout", [0.0, 0.3], ids=["", "dropout"])
@pytest.mark.parametrize(("activation", "layers"), [*itertools.product(["tanh", "softmax"], LAYERS.values())])
def test_every_factor_of_a_path_has_a_name_that_evaluates(activation: str, layers: dict, dropout: float) -> None:
    """With `row=`: a name for each factor; those of slopes, masks and weights evaluated give the factor."""
    step = step_of(cr.SGD(0.1), layers, activation, dropout=dropout)
    why = step.why("dW1[3,2]", row=4)
    numbers = Numbers(step)
    for path in why.paths.top:
        assert len(path.names) == len(path.factors)
        assert path.names[0] == "a0[4,3]" and path.names[-1] == f"delta3[4,{path.units[-1]}]"
        for label, factor in zip(path.names, path.factors, strict=True):
            if "∂" in label:
                assert label.startswith("∂") or activation == "tanh"
                continue
            slopes = {name: slope_at(step, name) for name in re.findall(r"g′\(.*?\)", label)}
            plain = label
            for k, slope in enumerate(slopes):
                plain = plain.replace(slope, f"slope[{k}]")
            known = Numbers(step, **{f"slope[{k}]": value for k, value in enumerate(slopes.values())})
            assert evaluated(plain, known) == pytest.approx(factor, rel=1e-4, abs=1e-8), label
    if layers == {} and activation == "tanh":
        best = why.paths.top[0]
        assert best.names[1].startswith("g′(z1[4,2])·") and numbers["a0[4,3]"] == best.factors[0]
    for language in TEXT:
        assert "delta3[4," in why.text(language)
    assert why.to_dict()["paths"]["top"][0]["names"] == list(why.paths.top[0].names)


def test_what_is_too_small_to_count_says_so() -> None:
    """Numbers below 2^-56 are 0: the last step of the answer names the bound, and its NumPy lines give 0 too."""
    net = cr.Network([4, 4, 3], "identity", seed=2)
    net.W[1][:] = 1e-18
    still = np.where(np.arange(4) == 1, 0.0, X)
    run = cr.train(net, still, Y, batch_size=4, epochs=8, optimizer=cr.SGD(1e-4), progress=False)
    silent = cr.Network([4, 4, 3], "exponential", seed=2)
    silent.b[1][:] = -60
    one = cr.train(silent, X, Y, epochs=1, optimizer=cr.SGD(1e-4), progress=False)
    for step, name in ((run.replay(0), "z1[0,2]"), (one.replay(0), "a1[0,2]"), (run.replay(63), "W1[1,2]")):
        why, space = step.why(name), {}
        assert why.value == 0 and 0 < abs(why.origin.total) < 2**-56
        assert why.origin.steps[-1] == ("|…| < 2^-56 → 0", 0.0)
        exec(why.numpy(), space)
        assert float(space["value"]) == 0
    assert run.replay(62).why("W1[1,2]").origin.steps == ()
