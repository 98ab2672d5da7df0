"""NEON computes the bits of the other instruction sets: the engine's sources, cross-compiled, run in emulation."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from chainrule.engine.protocol import StepSettings, Task
from chainrule.network.architecture import Architecture
from chainrule.reference.optimizers import OPTIMIZERS

pytest.importorskip("chainrule._native", reason="ends when the native module is built (pip install .)")
from chainrule.engine.native import NativeEngine, instruction_sets
from chainrule.engine.native_settings import RULES
from chainrule.engine.native_tables import ACTIVATIONS, LOSSES

ROOT = Path(__file__).parents[2]
COMPILER, EMULATOR = shutil.which("aarch64-linux-gnu-g++"), shutil.which("qemu-aarch64")
FLAGS = ["-std=c++20", "-O1", "-ffp-contract=off", "-fno-math-errno", "-fno-trapping-math", "-Wall", "-Wextra",
         "-Werror", "-Wno-psabi", f"-I{ROOT / 'native'}"]  # fmt: skip
SEED = 3
HYPER = ("momentum", "rho", "beta1", "beta2", "epsilon", "weight_decay", "l2", "l1", "dropout", "clip_norm")
pytestmark = [
    pytest.mark.skipif(COMPILER is None, reason="ends when a cross compiler is installed (aarch64-linux-gnu-g++)"),
    pytest.mark.skipif(EMULATOR is None, reason="ends when the emulator is installed (qemu-aarch64)"),
]


@dataclass(frozen=True)
class Case:
    """One training."""

    sizes: tuple[int, ...]
    batch_size: int
    n_steps: int
    activation: str = "relu"
    optimizer: str = "sgd"
    dtype: str = "float32"
    eta: float = 0.05
    hyper: dict[str, float] = field(default_factory=dict)
    n_rows: int = 100
    output: str = "softmax"


ADAM = {"beta1": 0.9, "beta2": 0.999, "epsilon": 1e-8}
CASES = {
    "a small table": Case((20, 64, 64, 10), 64, 9),
    "Nielsen's network": Case((784, 100, 10), 10, 12, "sigmoid", "adam", eta=0.001, hyper=ADAM),
    "odd sizes": Case((33, 70, 100), 37, 9, "tanh", "momentum", hyper={"momentum": 0.9, "l2": 0.01}),
    "dropout and clipping": Case((17, 65, 31, 3), 16, 12, "gelu", "adamw", eta=0.01,
                                 hyper=ADAM | {"weight_decay": 0.01, "dropout": 0.3, "clip_norm": 0.5}),
    "double precision": Case((13, 40, 9, 5), 24, 12, "mish", "rmsprop", "float64", 0.01,
                             {"rho": 0.9, "epsilon": 1e-8, "l1": 0.001}),
}  # fmt: skip


def build(folder: Path) -> Path:
    """The program for ARM; one built earlier from the same sources is taken as it is."""
    driver = Path(__file__).parent / "train.cpp"
    sources = sorted([*(ROOT / "native").glob("*.[ch]pp"), driver])
    key = hashlib.sha256(b"".join(path.read_bytes() for path in sources)).hexdigest()[:16]
    program = ROOT / "build" / "aarch64" / f"train-{key}"
    if program.exists():
        return program
    variant = str(ROOT / "native" / "variant.cpp")
    units: dict[str, list[str]] = {
        name: [variant, f"-DCHAINRULE_{name.upper()}", f"-DCHAINRULE_VARIANT={name}"]
        for name in ("neon", "scalar", "emulated")
    }
    units |= {"dispatch": [str(ROOT / "native" / "dispatch.cpp")], "train": [str(driver)]}
    running = [
        subprocess.Popen([str(COMPILER), *FLAGS, "-c", *source, "-o", str(folder / f"{name}.o")])
        for name, source in units.items()
    ]
    assert [process.wait() for process in running] == [0] * len(units)
    objects = [str(folder / f"{name}.o") for name in units]
    subprocess.run([str(COMPILER), "-static", "-pthread", *objects, "-o", str(folder / "train")], check=True)
    program.parent.mkdir(parents=True, exist_ok=True)
    shutil.move(folder / "train", program)
    return program


def data_of(case: Case) -> tuple[Any, Any, Any]:
    """X, labels and first weights."""
    rng = np.random.default_rng(11)
    n = sum((n_in + 1) * n_out for n_in, n_out in zip(case.sizes, case.sizes[1:], strict=False))
    X = rng.standard_normal((case.n_rows, case.sizes[0])).astype(case.dtype)
    labels = rng.integers(0, case.sizes[-1], case.n_rows).astype(np.int32)
    return X, labels, (0.2 * rng.standard_normal(n)).astype(case.dtype)


def trained_here(case: Case) -> bytes:
    """Weights, optimizer state and losses after the training on this processor."""
    X, labels, theta = data_of(case)
    architecture = Architecture.build(case.sizes, case.activation, case.output, "cross_entropy", case.dtype)
    name = "sgd" if case.optimizer == "momentum" else case.optimizer
    extra = {key: case.hyper.get(key, 0.0) for key in ("l2", "l1", "dropout")}
    settings = StepSettings(
        optimizer={key: value for key, value in case.hyper.items() if key not in ("l2", "l1", "dropout", "clip_norm")},
        clip_norm=case.hyper.get("clip_norm"), **extra,
    )  # fmt: skip
    task = Task(
        architecture=architecture,
        X=X,
        targets=labels,
        weight=None,
        optimizer=name,
        batch_size=case.batch_size,
        seed=SEED,
    )
    session = NativeEngine(1).start(task, settings)
    session.load(theta, OPTIMIZERS[name].start(theta, settings.optimizer))
    losses = session.advance(0, np.full(case.n_steps, case.eta), settings).losses
    theta, state = session.store()
    kept = [*(state[key] for key in sorted(state)), np.zeros_like(theta), np.zeros_like(theta)][:2]
    return b"".join(array.tobytes() for array in (theta, *kept, losses))


def trained_on_arm(program: Path, case: Case, isa: str, threads: int, folder: Path) -> bytes:
    """The same, by the program in emulation."""
    numbers = [int(case.dtype == "float64"), ACTIVATIONS.index(case.activation), ACTIVATIONS.index(case.output),
               LOSSES.index("cross_entropy"), RULES.index(case.optimizer), case.n_rows, case.batch_size,
               case.n_steps, SEED, repr(case.eta), *(repr(float(case.hyper.get(name, 0))) for name in HYPER),
               len(case.sizes), *case.sizes]  # fmt: skip
    content = " ".join(map(str, numbers)).encode() + b"\n" + b"".join(array.tobytes() for array in data_of(case))
    (folder / "case").write_bytes(content)
    call = [str(EMULATOR), str(program), isa, str(threads), str(folder / "case"), str(folder / "out")]
    subprocess.run(call, check=True)
    return (folder / "out").read_bytes()


def test_the_bits_of_arm_are_the_bits_of_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One sha256 of weights, state and losses for NEON, scalar ARM, two threads, and every instruction set here."""
    program = build(tmp_path)
    for name, case in CASES.items():
        results = {}
        for isa in instruction_sets():
            monkeypatch.setenv("CHAINRULE_ISA", isa)
            results[isa] = trained_here(case)
        for isa, threads in (("neon", 1), ("neon", 2), ("scalar", 1)):
            results[f"{isa} on ARM, {threads}"] = trained_on_arm(program, case, isa, threads, tmp_path)
        digests = {who: hashlib.sha256(result).hexdigest() for who, result in results.items()}
        assert len(set(digests.values())) == 1, f"{name}: {digests}"
