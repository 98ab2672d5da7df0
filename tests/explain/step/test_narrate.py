"""The narration: the numbers are those of the step, it fits a terminal, and both languages say the same."""

from __future__ import annotations

import ast
import operator
import re

import numpy as np
import pytest

import chainrule as cr
from chainrule.errors import SettingsError, ShapeError
from chainrule.explain.notation import NOTATIONS
from chainrule.explain.step.arithmetic import loss_of_row
from chainrule.explain.step.narrate import TEXT, explain
from chainrule.reference.activations import ACTIVATIONS
from chainrule.reference.losses import LOSSES
from chainrule.text.tables import aligned, columns, number, wrapped
from chainrule.training.update_rules import AdamEpsilonHat, SutskeverSGD

RNG = np.random.default_rng(3)
SLOT = r"\{(\w+)[^{}]*\}"
X = RNG.normal(size=(60, 20))


@pytest.fixture(scope="module")
def step() -> cr.Step:
    """A step of a network with wide layers, dropout, Adam and a penalty."""
    net = cr.Network([20, 30, 12, 3], activation=["relu", "tanh"])
    run = cr.train(net, X, RNG.integers(0, 3, size=60), dropout=0.2, l2=0.01, clip_norm=0.5, epochs=2, progress=False)
    return run.replay(3)


@pytest.mark.parametrize("language", TEXT)
@pytest.mark.parametrize("notation", NOTATIONS)
def test_it_fits_a_terminal(step: cr.Step, language: str, notation: str) -> None:
    """No line is wider than 80 columns, Hangul counted as two."""
    lines = step.explain(language, 1, notation).splitlines()
    assert max(map(columns, lines)) <= 80
    assert not any(line != line.rstrip() for line in lines)


def test_the_numbers_are_those_of_the_step(step: cr.Step) -> None:
    """Loss, output, delta and the update appear as the record has them."""
    text = step.explain(row=2)
    record = step.record
    for value in (
        record.backward.loss,
        *record.forward.output[2],
        *record.backward.delta[3][2],
        record.penalty,
        record.forward.z[1][2].sum(dtype=np.float64),
        record.update.learning_rate,
    ):
        assert number(value) in text
    k, j = np.argmax(np.abs(record.forward.a[0][2])), np.argmax(np.abs(record.backward.delta[1][2]))
    old, new = (number(moment.W[1][k, j]) for moment in (record.update.old, record.update.new))
    assert re.search(rf"W1\[{k},{j}\] +{re.escape(old)} .* {re.escape(new)}\n", text)


def sum_of(text: str, first: str, last: str) -> tuple[float, float]:
    """The sum of the last numbers of the lines from `first` on, and the number on the line `last`."""
    lines = [line for line in text.splitlines() if line.strip()]
    start = next(i for i, line in enumerate(lines) if first in line)
    end = next(i for i, line in enumerate(lines) if i > start and line.strip().startswith(last))
    return sum(float(line.split()[-1]) for line in lines[start:end]), float(lines[end].split()[-1])


def test_what_is_shown_adds_up(step: cr.Step) -> None:
    """Shown terms, the folded rest and the bias add up to z; this row and the others to dW; units to their sum."""
    text = step.explain(row=2)
    j = int(np.argmax(np.abs(step.forward.a[1][2])))
    result, z = sum_of(text, " · W1[", f"z1[{j}] =")
    assert result == pytest.approx(z, abs=1e-3) and number(z) == number(step.forward.z[1][2, j])
    result, dW = sum_of(text, "this row: a2[", "dW3[")
    assert result == pytest.approx(dW, abs=1e-5)
    result, all_units = sum_of(text.split("unit  ")[2].partition("\n")[2], "", "sum of all 30")
    assert result == pytest.approx(all_units, abs=1e-3)
    assert all_units == pytest.approx(step.forward.a[1][2].sum(dtype=np.float64), rel=1e-4)


@pytest.fixture(scope="module")
def normalised_step() -> cr.Step:
    """A step of a network whose layers are normalised, residual, both and neither; the first one adds X."""
    kinds, skips = ["layer", None, "layer", "layer"], [True, True, False, True]
    net = cr.Network([20, 20, 20, 8, 8, 3], "tanh", normalization=kinds, residual=skips, dtype="float64")
    y = RNG.integers(0, 3, size=60)
    run = cr.train(net, X, y, optimizer=cr.Adam(0.05), dropout=0.2, clip_norm=0.5, epochs=6, progress=False)
    return run.replay(9)


def unwrapped(text: str) -> list[str]:
    """The lines of a text, broken formulas put together again."""
    return re.sub(r"\n {8}(?=\S)", " ", text).splitlines()


def test_normalised_layers_are_told_with_true_numbers(normalised_step: cr.Step) -> None:
    """u, the residual sum, dx̂ and delta, worked with the shown numbers, give the recorded ones, at every layer."""
    for row in range(4):
        lines = [line.strip() for line in unwrapped(normalised_step.explain(row=row))]
        f, b = normalised_step.forward, normalised_step.backward
        for l, (normalised, residual) in enumerate([(1, 1), (0, 1), (1, 0), (1, 1)], start=1):
            for symbol, content, recorded in (
                ("u", normalised, f.u),
                ("a", residual, f.a),
                ("delta", normalised, b.delta),
            ):
                found = [line for line in lines if re.match(rf"{symbol}{l}\[\d+\] = .* = .* = ", line)]
                assert len(found) >= bool(content), (symbol, l)
                for line in found:
                    *_, sums, result = line.split(" = ")
                    j = int(line[len(symbol) + 2 : line.index("]")])
                    assert result == number(recorded[l][row, j]), line
                    assert evaluated(sums) == pytest.approx(float(result), rel=5e-3, abs=1e-4), line
        assert len([line for line in lines if line.startswith("dx̂[")]) == 3


def test_errors_along_residual_connections_add_up(normalised_step: cr.Step) -> None:
    """da spelled out, with the part that comes down unchanged, is da; gradients of gain and shift are whole sums."""
    text = normalised_step.explain(row=1)
    for l in (1, 3):  # the layers below a residual one, besides 0
        part = text[text.index(f"δ of layer {l}, from layer {l + 1}") :]
        assert f"unchanged: da{l + 1}[" in part[: part.index("BP3")]
        result, da = sum_of(part[part.index("number by number") :], f" · W{l + 1}[", f"da{l}[")
        assert result == pytest.approx(da, abs=1e-4)
    for name in ("dgain", "dshift"):
        for l in (1, 3, 4):
            line = next(line for line in text.splitlines() if re.match(rf" +{name}{l}\[\d+\] =", line))
            j = int(re.search(r"\[(\d+)\]", line)[1])
            assert line.split()[-1] == number(getattr(normalised_step.backward, name)[l][j])
    assert all(f"{name}{l}[" in text[text.index("UPDATE") :] for name in ("gain", "shift") for l in (1, 3, 4))


@pytest.mark.parametrize("language", TEXT)
@pytest.mark.parametrize("notation", NOTATIONS)
def test_normalised_layers_fit_a_terminal(normalised_step: cr.Step, language: str, notation: str) -> None:
    """No line is wider than 80 columns, and every slot is filled."""
    text = normalised_step.explain(language, 1, notation)
    assert max(map(columns, text.splitlines())) <= 80
    assert "{" not in text


def test_clipping_of_gain_and_shift_counts(normalised_step: cr.Step) -> None:
    """The length that is told is that of all gradients, gain and shift among them."""
    b = normalised_step.backward
    tensors = [t for name in ("dW", "db", "dgain", "dshift") for t in getattr(b, name) if t is not None]
    norm = np.sqrt(sum(float((t.astype(np.float64) ** 2).sum()) for t in tensors))
    assert f"norm of the whole gradient is {number(norm)}" in " ".join(normalised_step.explain().split())


def test_to_dict_of_normalised_layers(normalised_step: cr.Step) -> None:
    """u, du, dgain, dshift, gain and shift are told where there are any, and not elsewhere."""
    result, plain = normalised_step.to_dict(), cr.Network([2, 2]).architecture.to_dict()
    assert np.array_equal(result["forward"]["u"][1], normalised_step.forward.u[1])
    assert result["forward"]["u"][2] is None
    assert np.array_equal(result["backward"]["dgain"][4], normalised_step.backward.dgain[4])
    assert np.array_equal(result["update"]["new"]["gain"][3], normalised_step.update.new.gain[3])
    assert result["architecture"]["residual"] == [True, True, False, True] and "residual" not in plain


def test_clipping_is_told_as_it_was(step: cr.Step) -> None:
    """The text says whether the gradient was shortened, by the factor that gives the recorded gradient."""
    b, W = step.backward, step.update.old.W
    parts = [b.dW[l] + 0.01 * W[l] for l in (1, 2, 3)] + [b.db[l] for l in (1, 2, 3)]
    norm = np.sqrt(sum(float((part.astype(np.float64) ** 2).sum()) for part in parts))
    assert norm > 0.5
    assert f"norm of the whole gradient is {number(norm)}, above the limit 0.5" in " ".join(step.explain().split())
    net = cr.Network([20, 3])
    run = cr.train(net, X, RNG.integers(0, 3, size=60), clip_norm=1e3, epochs=1, progress=False)
    assert "within the limit 1000" in run.replay(0).explain()


def test_each_loss_is_put_in_numbers() -> None:
    """The loss of a row is told with its formula, its numbers and its value, redone here by hand."""

    def last_line(loss: str, output: str, z: list[float], a: list[float], y: list[float]) -> str:
        return loss_of_row(loss, output, np.array(z), np.array(a), np.array(y))[-1]

    z, half = [0.0, 0.0], [0.5, 0.5]
    assert last_line("squared_error", "identity", z, [1, -2], [0, 1]) == "= ½·[(1 − 0)² + (-2 − 1)²] = 5"
    assert last_line("cross_entropy", "softmax", z, half, [0, 1]) == "= −log 0.5 = 0.69315"
    assert last_line("cross_entropy", "sigmoid", z, half, [0, 1]) == "= −log (1 − 0.5) − log 0.5 = 1.3863"
    assert last_line("focal", "softmax", z, half, [0, 1]) == "= −(1 − 0.5)^2·log 0.5 = 0.17329"
    assert last_line("focal:1", "sigmoid", z, half, [0, 1]) == "= −0.5^1·log (1 − 0.5) − (1 − 0.5)^1·log 0.5 = 0.69315"
    soft = "= −0.3·(1 − 0.5)^2·log 0.5 − 0.7·0.5^2·log (1 − 0.5) = 0.17329"
    assert last_line("focal", "sigmoid", z[:1], half[:1], [0.3]) == soft
    assert last_line("focal:0", "softmax", z, half, [0, 1]) == "= −log 0.5 = 0.69315"
    assert last_line("absolute_error", "identity", z, [1, -2], [0, 1]) == "= |1 − 0| + |-2 − 1| = 4"
    assert last_line("huber", "identity", z, [1, -2], [0, 1]) == "= ½·(1 − 0)² + (|-2 − 1| − ½) = 3"
    assert last_line("quantile:0.9", "identity", z, [1, -2], [0, 1]) == "= 0.1·(1 − 0) + 0.9·(1 − (-2)) = 2.8"
    assert last_line("poisson", "exponential", z, [1, 1], [2, 0]) == "= (1 − 2·log 1) + (1 − 0·log 1) = 2"


@pytest.mark.parametrize(
    "name", ["SGD", "momentum", "nesterov", "RMSProp", "Adagrad", "Adam", "AdamW", "sutskever", "velocity", "hat"]
)
def test_the_rule_of_every_optimizer_leads_to_the_new_weight(name: str) -> None:
    """The last worked line, evaluated as arithmetic, gives the new weight; so does every line before it."""
    sgd = {"momentum": cr.SGD(0.1, momentum=0.9), "nesterov": cr.SGD(0.1, momentum=0.9, nesterov=True)}
    sgd |= {"sutskever": SutskeverSGD(0.1), "velocity": SutskeverSGD(0.1, nesterov=False), "hat": AdamEpsilonHat(0.1)}
    optimizer = sgd[name] if name in sgd else getattr(cr, name)(0.1)
    net = cr.Network([20, 4, 3], activation="tanh", dtype="float64")
    run = cr.train(net, X, RNG.integers(0, 3, size=60), optimizer=optimizer, l2=0.01, l1=0.001, progress=False)
    found = run.replay(2).explain()
    found = re.sub(r"\n {8}", " ", found[found.rindex("number by number") :])
    lines = [line.strip() for line in found.splitlines() if "=" in line]
    assert len(lines) == {"SGD": 2, "Adam": 6, "AdamW": 6, "hat": 5}.get(name, 3)
    for line in lines:
        *_, sums, result = line.partition(" ← ")[2].split(" = ") if line.startswith("W2") else line.split(" = ")
        assert evaluated(sums) == pytest.approx(float(result), rel=2e-3, abs=2e-5), line


def evaluated(formula: str) -> float:
    """The value of a printed sum: only numbers, + − · / ( ) √ ² ^ are understood."""
    python = formula.replace("−", "-").replace("·", "*").replace("²", "**2").replace("^", "**")
    python = re.sub(r"√([-\d.e+]+|\([^()]*\))", r"(\1)**0.5", python)
    assert re.fullmatch(r"[-+*/().\de ]+", python), python
    return float(arithmetic(python))


def arithmetic(python: str) -> float:
    """Arithmetic of literals by the parser of Python, without names or calls."""
    operations = {ast.Add: "add", ast.Sub: "sub", ast.Mult: "mul", ast.Div: "truediv", ast.Pow: "pow"}

    def value(node: ast.expr) -> float:
        if isinstance(node, ast.BinOp):
            return getattr(operator, operations[type(node.op)])(value(node.left), value(node.right))
        if isinstance(node, ast.UnaryOp):
            return -value(node.operand)
        assert isinstance(node, ast.Constant)
        return float(node.value)

    return value(ast.parse(python.strip(), mode="eval").body)


@pytest.mark.parametrize(("loss", "output"), [(loss, output) for loss in LOSSES for output in LOSSES[loss].pairs])
def test_every_legal_pair_can_be_told(loss: str, output: str) -> None:
    """Every loss on every legal output activation, after every hidden activation, in both languages."""
    rng = np.random.default_rng(5)
    for i, activation in enumerate(ACTIVATIONS):
        sizes = [20, 11, 3 * LOSSES[loss].n_heads]
        net = cr.Network(sizes, activation, output, loss, initializer="glorot_normal", seed=i)
        y = rng.uniform(0.1, 1, size=(60, 3)) if not LOSSES[loss].of_classes else rng.integers(0, 3, size=60)
        run = cr.train(net, 0.1 * X, y, optimizer=cr.SGD(1e-4), batch_size=16, epochs=1, progress=False)
        for language, notation in (("en", "note"), ("ko", "nielsen")):
            lines = run.replay(1).explain(language, notation=notation).splitlines()
            assert max(map(columns, lines)) <= 80
            assert not any("nan" in line for line in lines)


def test_points_stand_below_each_other() -> None:
    """Numbers of a column have their decimal points in line; Hangul counts two columns."""
    assert aligned([("유닛", "값"), ("0", "1.5"), ("1", "-20"), ("2", "0.125")], indent=0) == [
        "유닛        값",
        "0        1.5",
        "1      -20",
        "2        0.125",
    ]
    assert [number(x) for x in (0.0, -0.0, 1 / 3, 1e-5, 123456.0, np.nan, -np.inf)] == [
        "0", "0", "0.33333", "1.0000e-05", "1.2346e+05", "nan", "-inf",
    ]  # fmt: skip
    assert all(columns(line) <= 80 for line in wrapped("가중치 " * 40, 2))


def test_both_languages_have_the_same_words() -> None:
    """Every text exists in both languages, with the same slots."""
    assert set(TEXT["en"]) == set(TEXT["ko"])
    for name, text in TEXT["en"].items():
        slots = sorted(re.findall(SLOT, text))
        assert slots == sorted(re.findall(SLOT, TEXT["ko"][name])), name


def test_both_passes_are_told_in_order(step: cr.Step) -> None:
    """Forward goes up the layers, backward comes down; BP1 to BP4 are named; Korean uses the field's words."""
    text = step.explain()
    assert text.index("Layer 1") < text.index("Layer 3") < text.index("BP1") < text.index("δ of layer 1")
    assert all(f"BP{i}" in text for i in (1, 2, 3, 4))
    korean = step.explain("ko", notation="note")
    assert all(word in korean for word in ("순전파", "역전파", "연쇄 법칙", "가중치", "편향", "학습률", "손실"))
    assert "z¹ = W¹a⁰ + b¹" in korean


def test_wrong_arguments_are_named(step: cr.Step) -> None:
    """An unknown language or notation, or a row outside the batch, is a SettingsError."""
    with pytest.raises(SettingsError, match="did you mean 'ko'"):
        step.explain("kor")
    with pytest.raises(SettingsError, match="notation 'columns' is unknown"):
        step.explain(notation="columns")
    with pytest.raises(SettingsError, match="must be 0 to 27"):
        step.explain(row=32)


def test_a_target_of_the_wrong_length_is_named(step: cr.Step) -> None:
    """A target that has not one number for each output is a ShapeError."""
    with pytest.raises(ShapeError, match=r"shape \(2,\); expected \(3,\)"):
        explain(step.record, step.architecture, target=np.zeros(2))


def test_it_can_be_told_from_the_record_alone(step: cr.Step) -> None:
    """Without target, share, optimizer and settings the record still tells both passes and the update."""
    text = explain(step.record, step.architecture)
    assert "BP4" in text and "UPDATE" in text and number(step.backward.loss) in text


@pytest.mark.filterwarnings("ignore")
def test_a_diverged_step_is_told() -> None:
    """A step whose loss is not finite shows its inf and nan, and says that nothing was updated."""
    net = cr.Network([20, 12, 3], "exponential", "identity", "squared_error", dtype="float32")
    run = cr.train(net, 100 * X, RNG.normal(size=(60, 3)), optimizer=cr.SGD(1.0), epochs=1, progress=False)
    assert run.diverged is not None
    text = run.replay(run.n_steps - 1).explain()
    assert "the update is not applied" in text and "inf" in text


def test_softmax_within_a_chain_is_explained() -> None:
    """Where softmax does not fuse with the loss, its Jacobian is named instead of g′."""
    net = cr.Network([20, 4, 3], "softmax", "softmax", "squared_error")
    run = cr.train(net, X, np.eye(3)[RNG.integers(0, 3, size=60)], epochs=1, progress=False)
    assert run.replay(0).explain().count("Jacobian") == 2


def test_to_dict_holds_every_number(step: cr.Step) -> None:
    """to_dict is plain JSON and gives back every float exactly."""
    import json

    record = json.loads(json.dumps(step.to_dict()))
    assert np.array_equal(np.array(record["forward"]["z"][2], dtype=np.float32), step.forward.z[2])
    assert np.array_equal(np.array(record["backward"]["dW"][3], dtype=np.float32), step.backward.dW[3])
    assert record["rows"] == step.rows.tolist()


@pytest.mark.parametrize(("notation", "name"), [("batch", "dW2"), ("note", "∂J/∂W²"), ("nielsen", "∂C/∂w^2")])
def test_the_whole_gradient_stands_as_the_notation_has_it(notation: str, name: str) -> None:
    """Rows are units of the layer below in batch notation, of the layer itself where W is the transpose."""
    net = cr.Network([2, 4, 3], "tanh", seed=2, dtype="float64")
    X, y = np.array([[0.5, -1.0], [2.0, 0.25]]), [0, 2]
    step = cr.train(net, X, y, optimizer=cr.SGD(0.1), batch_size=2, epochs=1, progress=False).replay(0)
    lines = step.explain(notation=notation).splitlines()
    at = next(i for i, line in enumerate(lines) if line.strip().startswith(f"{name}, the whole gradient"))
    expected = step.backward.dW[2] if notation == "batch" else step.backward.dW[2].T
    assert lines[at].endswith("units of the layer below:" if notation == "batch" else "units of this layer:")
    shown = [[float(x) for x in line.split()[1:]] for line in lines[at + 1 : at + 1 + len(expected)]]
    np.testing.assert_allclose(shown, expected, rtol=1e-4)
    assert not lines[at + 1 + len(expected)].strip().startswith("[")


@pytest.mark.parametrize("language", ["en", "ko"])
@pytest.mark.parametrize(
    ("notation", "symbol", "other"), [("batch", "g", "σ"), ("note", "g", "σ"), ("nielsen", "σ", "g")]
)
def test_one_symbol_for_the_activation(notation: str, symbol: str, other: str, language: str) -> None:
    """Equations, headings of tables, products and sentences of a notation write the activation alike."""
    net = cr.Network([2, 4, 3, 2], "relu", "tanh", "squared_error", normalization=["layer", None], seed=2)
    run = cr.train(net, [[0.5, -1.0], [2.0, 0.25]], [[0, 1], [1, 0]], dropout=0.3, epochs=1, progress=False)
    text = run.replay(0).explain(language, notation=notation)
    assert f"{symbol}′(" in text and f"· {symbol}′" in text and f"{symbol}(u" in text
    assert not re.search(rf"(?<!\w){other}(?=[′(])", text)
