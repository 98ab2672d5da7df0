"""The native engine: whole epochs fused in C++. The only importer of chainrule._native.

It computes the equations of reference/ with the same bits for every number of threads and every
instruction set; what it is handed and what it returns is the same as of the NumPy engine.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
import numpy.typing as npt

from chainrule import _native
from chainrule.data.arrays import plain
from chainrule.engine.native_arrays import (
    as_plain,
    as_targets,
    as_weight,
    backward_of,
    forward_of,
    of_inputs,
    of_kinds,
    of_layers,
)
from chainrule.engine.native_second_order import NativeSecondOrder
from chainrule.engine.native_settings import step_factors, step_settings
from chainrule.engine.native_shared import STOPPED, NativeShared
from chainrule.engine.native_tables import LOSSES, activation_of, input_steps, is_plain, unable
from chainrule.engine.numpy_second_order import NumpySecondOrder
from chainrule.engine.protocol import Advance, Array, Scheduled, SecondOrder, StepSettings, Targets, Task
from chainrule.engine.threads import allowed_threads, paying_threads
from chainrule.errors import SettingsError
from chainrule.network.architecture import Architecture
from chainrule.network.parameters import Parameters
from chainrule.network.records import Backward, Forward, Moment, StepRecord, Update
from chainrule.reference.losses import loss_named
from chainrule.reference.optimizers import OPTIMIZERS
from chainrule.reference.penalties import penalty
from chainrule.reference.propagate import row_scales
from chainrule.reference.small_numbers import without_small

BLOCK_ROWS = 192
"""Rows of a block in predict: z and a of a usual layer stay in the second-level cache."""

PLAIN_ROWS, PLAIN_WIDE_ROWS, WIDE_BYTES = 128, 1024, 1024
"""Up to so many rows, or so many wide ones, weights and rows are read as they lie; beyond, panels of them pay."""
KEPT_PARAMETERS = 1_000_000
"""Up to here the workspace of predict is kept for its next call; beyond, taking it costs little beside its use."""


def instruction_sets() -> list[str]:
    """Those built in that this processor has, the fastest first."""
    return list(_native.instruction_sets())


def instruction_set() -> str:
    """The instruction set to compute with: CHAINRULE_ISA, else the fastest this processor has."""
    usable = instruction_sets()
    wanted = os.environ.get("CHAINRULE_ISA", "").strip().lower()
    if not wanted:
        return usable[0]
    if wanted == "scalar" and "scalar" not in usable:
        return "emulated"  # fused multiply-add in software: the same bits
    if wanted not in usable:
        raise SettingsError(f"CHAINRULE_ISA={wanted!r}: must be one of {', '.join(usable)} on this machine, or unset.")
    return wanted


def multiply_add_loop(n_rounds: int) -> float:
    """Floating-point operations done by rounds of independent float32 multiply-adds of vectors."""
    return float(_native.multiply_add_loop(instruction_set(), n_rounds))


def addition_chain(n: int) -> None:
    """Additions of whole numbers, each of which waits for the one before: one a cycle."""
    _native.addition_chain(n)


class NativeEngine:
    """Both passes and sessions in C++."""

    name = "native"
    exact_sums = True

    def __repr__(self) -> str:
        return "NativeEngine()"

    def __init__(self, threads: int | None = None) -> None:
        self._threads, self._may_choose = allowed_threads(threads)
        self._isa = instruction_set()
        self._plain_predictors: dict[Architecture, Any] = {}
        self._plain_predictor_of: tuple[Architecture | None, Any] = (None, None)
        self._idle: dict[int, tuple[Architecture, int, Any]] = {}  # by thread; users of passes remove them

    def forward(self, parameters: Parameters, X: Array) -> Forward:
        """z, u and a of every layer."""
        z, a = (of_layers(parameters.architecture, len(X)) for _ in range(2))
        u = of_kinds(parameters.architecture, len(X))
        a0 = of_inputs(parameters.architecture, len(X))
        if len(X):
            self._passes(parameters, len(X)).forward(as_plain(X, parameters), z[1:], u[1:], a[1:], a0)
        return forward_of(without_small(X, parameters.architecture.small), z, u, a, a0, None)

    def backward(self, parameters: Parameters, X: Array, targets: Targets, weight: Array | None = None) -> Backward:
        """J and its gradients."""
        architecture, n = parameters.architecture, len(X)
        delta, du = of_layers(architecture, n), of_kinds(architecture, n)
        dX = np.empty(X.shape, architecture.dtype)
        du[0] = of_inputs(architecture, n)
        gradient = Parameters(architecture)
        labels, y = as_targets(targets, architecture)
        scale = row_scales(weight, n, np.dtype(architecture.dtype))
        loss = self._passes(parameters, n).backward(
            as_plain(X, parameters), labels, y, scale, delta[1:], du[1:], gradient.flat, dX, du[0]
        )
        return backward_of(loss, delta, du, gradient, dX)

    def predict(self, parameters: Parameters, X: Array, refuse: Callable[[], None] | None = None) -> Array:
        """The output activation alone, (n, n_outputs)."""
        architecture = parameters.architecture
        out = np.empty((len(X), architecture.n_outputs), architecture.dtype)
        few = len(X) <= PLAIN_ROWS or (len(X) <= PLAIN_WIDE_ROWS and X.nbytes >= WIDE_BYTES * len(X))
        if few and is_plain(architecture):
            theta = plain(parameters.flat, architecture.dtype)
            finite = self._plain_predictor(architecture).predict(theta, as_plain(X, parameters), out)
        else:
            with self._block_passes(parameters, len(X)) as passes:
                finite = passes.predict(as_plain(X, parameters), out)
        if refuse is not None and not finite:
            refuse()
        return out

    def loss(
        self, parameters: Parameters, X: Array, targets: Targets, weight: Array | None = None
    ) -> tuple[float, Array]:
        """J over all rows, and the output activation."""
        out = np.empty((len(X), parameters.architecture.n_outputs), parameters.architecture.dtype)
        labels, y = as_targets(targets, parameters.architecture)
        with self._block_passes(parameters, len(X)) as passes:
            loss = passes.loss(as_plain(X, parameters), labels, y, as_weight(weight, parameters.architecture), out)
        return float(loss), out

    def penalty(self, parameters: Parameters, l2: float, l1: float) -> float:
        """½·l2·Σ‖W‖² + l1·Σ|W|."""
        return penalty(parameters.W[1:], {"l2": l2, "l1": l1}) if l2 or l1 else 0.0

    def start(self, task: Task, settings: StepSettings) -> NativeSession:
        """A session for this task."""
        return NativeSession(task, settings, self._isa, self._threads, self._may_choose)

    def second_order(
        self,
        parameters: Parameters,
        X: Array,
        targets: Targets,
        weight: Array | None = None,
        masks: list[Array] | None = None,
    ) -> SecondOrder:
        """The Hessian of J over these rows; with masks, an input layer or parametric activations by the reference."""
        if masks is not None or not is_plain(parameters.architecture):
            return NumpySecondOrder(parameters, X, targets, weight, masks)
        architecture, dtype = parameters.architecture, np.dtype(parameters.architecture.dtype)
        labels, y = as_targets(targets, architecture)
        gradient = np.empty(architecture.n_parameters, dtype)
        kind = _native.SecondOrder32 if dtype == np.float32 else _native.SecondOrder64
        products = kind(
            self._isa, *_network(architecture), plain(parameters.flat, dtype), as_plain(X, parameters),
            labels, y, row_scales(weight, len(X), dtype), gradient,
        )  # fmt: skip
        return NativeSecondOrder(products, gradient)

    def step_seconds(self, n_operations: float) -> float:
        """About how long a step of so many operations takes."""
        return 2e-5 + n_operations * 2e-11

    def describe(self) -> dict[str, Any]:
        """What run.json records of this engine."""
        return {"engine": self.name, "instruction_set": self._isa, "threads": self._threads}

    def _plain_predictor(self, architecture: Architecture) -> Any:
        known, predictor = self._plain_predictor_of  # nearly always the same object: to hash it takes as long as a row
        if known is not architecture:
            if architecture not in self._plain_predictors:
                kind = _native.Plain32 if architecture.dtype == "float32" else _native.Plain64
                layers = _network(architecture)[0]
                self._plain_predictors[architecture] = kind(self._isa, layers, self._threads)
            predictor = self._plain_predictors[architecture]
            self._plain_predictor_of = (architecture, predictor)
        return predictor

    @contextmanager
    def _block_passes(self, parameters: Parameters, n: int) -> Iterator[Any]:
        """Passes by blocks over n rows, with these parameters; for one caller at a time."""
        architecture = parameters.architecture
        most_rows = max(BLOCK_ROWS // architecture.members, 1)
        block, threads = min(n, most_rows), 1 if n <= most_rows else self._threads
        if threads > 1 and self._may_choose:
            threads = paying_threads(2.0 * n * architecture.n_parameters * architecture.members, threads)
        idle: Any = self._idle.pop(threads, (None, 0, None))
        known, most, passes = idle
        if known == architecture and most >= block:
            passes.load(plain(parameters.flat, architecture.dtype))
        else:
            most, passes = block, self._passes(parameters, block, threads)
        yield passes
        if architecture.n_parameters <= KEPT_PARAMETERS:
            self._idle[threads] = (architecture, most, passes)

    def _passes(self, parameters: Parameters, block: int, threads: int = 1) -> Any:
        architecture = parameters.architecture
        kind = _native.Passes32 if architecture.dtype == "float32" else _native.Passes64
        passes = kind(self._isa, *_network(architecture), max(block, 1), threads)
        passes.load(plain(parameters.flat, architecture.dtype))
        return passes


class NativeSession:
    """One training in C++: the state lives there, in its own layout, until it is stored."""

    def __init__(self, task: Task, settings: StepSettings, isa: str, threads: int, may_choose: bool) -> None:
        self._task = task
        labels, y = as_targets(task.targets, task.architecture)
        kind = _native.Session32 if task.architecture.dtype == "float32" else _native.Session64
        self._session = kind(
            isa, *_network(task.architecture), plain(task.X, task.architecture.dtype), labels, y,
            as_weight(task.weight, task.architecture), task.batch_size, task.seed & 0xFFFFFFFFFFFFFFFF, task.shuffle,
            threads, may_choose, task.leaves,
        )  # fmt: skip
        self._n_parameters = task.architecture.n_parameters
        self._kept = OPTIMIZERS[task.optimizer].keeps(settings.optimizer)
        self._converted = (settings, _native.StepSettings(**step_settings(task, settings)))

    def load(self, theta: Array, optimizer: Mapping[str, Array]) -> None:
        """Take over a state (copied)."""
        dtype = self._task.architecture.dtype
        arrays = [plain(optimizer[name], dtype) for name in sorted(optimizer)]
        self._kept = tuple(sorted(optimizer))  # m before v, as the engine keeps them
        self._session.load(plain(theta, dtype), *[*arrays, None, None][:2])

    def store(self) -> tuple[Array, dict[str, Array]]:
        """The state as fresh copies."""
        theta = np.empty(self._n_parameters, self._task.architecture.dtype)
        state = {name: np.empty_like(theta) for name in self._kept}
        self._session.store(theta, *[*state.values(), None, None][:2])
        return theta, state

    def theta(self) -> Array:
        """The flat parameters alone, a fresh copy."""
        theta = np.empty(self._n_parameters, self._task.architecture.dtype)
        self._session.store(theta, None, None)
        return theta

    def advance(
        self,
        first_step: int,
        learning_rates: npt.NDArray[np.float64],
        settings: StepSettings,
        penalties: npt.NDArray[np.float64] | None = None,
        thetas: Array | None = None,
        scheduled: Scheduled | None = None,
    ) -> Advance:
        """Do len(learning_rates) steps from first_step on."""
        losses = np.empty(len(etas := plain(learning_rates, np.float64)))
        factors = step_factors(scheduled, len(etas))
        done, stopped = self._session.advance(
            first_step, etas, self._native(settings), losses, penalties, thetas, factors
        )
        return Advance(losses[:done], STOPPED[stopped])

    def record(self, step: int, learning_rate: float, settings: StepSettings) -> StepRecord:
        """Perform one step and return its full record."""
        task, architecture = self._task, self._task.architecture
        before = self._moment()
        first = step % task.steps_per_epoch * task.batch_size
        n = min(task.batch_size, task.n_samples - first)
        rows, dX = np.empty(n, np.int64), np.empty((n, architecture.n_inputs), architecture.dtype)
        z, a, delta = (of_layers(architecture, n) for _ in range(3))
        u, du = (of_kinds(architecture, n) for _ in range(2))
        a0, du[0] = (of_inputs(architecture, n) for _ in range(2))
        masks = [*of_layers(architecture, n)[:-1], None] if settings.dropout else None
        dtheta, gradient = Parameters(architecture), Parameters(architecture)
        of_step = _native.StepSettings(**step_settings(task, settings))
        loss, _ = self._session.record(
            step, learning_rate, of_step, rows, z[1:], u[1:], a[1:], (masks or [])[1:], delta[1:],
            du[1:], dtheta.flat, dX, gradient.flat, a0, du[0],
        )  # fmt: skip
        size = n if task.weight is None else task.weight[rows].sum(dtype=np.float64)
        l1, l2 = settings.l1, settings.l2_of(float(size))
        X = without_small(task.X[rows], architecture.small)
        return StepRecord(
            step=step, epoch=step // task.steps_per_epoch, rows=rows,
            forward=forward_of(X, z, u, a, a0, masks),
            backward=backward_of(loss, delta, du, dtheta, dX),
            penalty=penalty(before.W[1:], {"l2": l2, "l1": l1}) if l2 or l1 else 0.0,
            update=Update(before, self._moment(), gradient, learning_rate),
        )  # fmt: skip

    def share(self, n: int, own: int) -> NativeShared:
        """The steps of this session as shared by n processes."""
        return NativeShared(self._session, self._task, self._kept, self._native, n, own)

    def _native(self, settings: StepSettings) -> Any:
        if settings is not self._converted[0]:
            self._converted = (settings, _native.StepSettings(**step_settings(self._task, settings)))
        return self._converted[1]

    @property
    def active_threads(self) -> int:
        """The threads that steps are done with."""
        return int(self._session.active_threads)

    def _moment(self) -> Moment:
        theta, state = self.store()
        parameters = Parameters(self._task.architecture, theta)
        return Moment(parameters, {name: parameters.like(array) for name, array in state.items()})


def _network(architecture: Architecture) -> tuple[list[Any], Any]:
    reason = unable(architecture)
    if reason:
        raise SettingsError(f"{reason}; use engine='numpy' or engine='auto'.")
    layers = [
        _native.Layer(
            layer.n_in, layer.n_out, *activation_of(layer), layer.residual, architecture.small,
            inputs=[_native.InputStep(**step) for step in input_steps(architecture)] if l == 0 else [],
        )
        for l, layer in enumerate(architecture.layers)
    ]  # fmt: skip
    loss = loss_named(architecture.loss)
    family = "cross_entropy" if (loss.family, loss.parameter) == ("focal", 0.0) else loss.family
    heads = loss.heads
    more = () if heads is None else (LOSSES.index(heads.point_family), heads.levels, heads.n_below)
    return layers, _native.Loss(LOSSES.index(family), loss.parameter or 0.0, *more)
