"""The algebraically largest and smallest eigenvalues of a symmetric matrix known by its products, by Lanczos.

Power iteration finds the eigenvalue largest in magnitude, slowly where a negative one is nearly as large;
Lanczos sees both ends of the spectrum apart, and after k products no method that is fed by the same
products is nearer to either. Every new basis vector is made orthogonal to all earlier ones, twice, so
that rounding brings no false copies.

    H·q_k = β_{k-1}·q_{k-1} + α_k·q_k + β_k·q_{k+1};     T = tridiagonal(α, β) = Qᵀ·H·Q
    eigenvalues θ of T approach the ends of H's from inside: θ_max ≤ λ_max and θ_min ≥ λ_min, and with s
    the eigenvector of T to θ, ‖H·Qs − θ·Qs‖ = β_k·|s_k|: some eigenvalue of H lies that near to θ.

Source: Lanczos (1950); Golub, Van Loan (2013), sections 10.1 and 10.3; Paige (1971) for the loss of orthogonality;
Ghorbani, Krishnan, Xiao (2019) for networks.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

from chainrule.errors import DataError
from chainrule.seeding import Purpose, normal, stream_key
from chainrule.status import doing
from chainrule.visible import short_repr

Array: TypeAlias = npt.NDArray[np.float64]
TOLERANCE = 1e-3
MAX_PRODUCTS = 120


class Matrix(Protocol):
    """A symmetric matrix of this size, known by its products."""

    size: int

    def __matmul__(self, v: Array, /) -> Array:
        """The product with v, (size,)."""


@dataclass(frozen=True)
class Eigenvalue:
    """One extreme eigenvalue: its value, its bound of error, whether that is within the tolerance, its vector.

    residual = ‖H·v − value·v‖: an eigenvalue lies within it of value, and a simple one well apart from its
    neighbours within residual² / (distance to them). products: how many products H·v it took.
    """

    value: float
    residual: float
    converged: bool
    vector: Array
    products: int
    __repr__ = short_repr


def largest_eigenvalue(
    matrix: Matrix, tolerance: float = TOLERANCE, max_products: int = MAX_PRODUCTS, seed: int = 0
) -> Eigenvalue:
    """The algebraically largest eigenvalue, however large the negative ones are.

    Arguments: matrix: such as a Hessian; tolerance: residual allowed, as a share of |value| (of 1/1000 of the largest
    magnitude where value is smaller than that); max_products: then the best so far is returned, converged = False;
    seed: of the first direction. Returns Eigenvalue. Raises DataError if a product is not finite.

    Examples
    --------
    >>> class Diagonal:
    ...     size = 3
    ...     def __matmul__(self, v): return np.array([-5.0, 1.0, 4.0]) * v
    >>> round(largest_eigenvalue(Diagonal()).value, 9)
    4.0
    """
    return _lanczos(matrix, (True,), tolerance, max_products, seed)[0]


def smallest_eigenvalue(
    matrix: Matrix, tolerance: float = TOLERANCE, max_products: int = MAX_PRODUCTS, seed: int = 0
) -> Eigenvalue:
    """The algebraically smallest eigenvalue: the most negative curvature; arguments as of largest_eigenvalue."""
    return _lanczos(matrix, (False,), tolerance, max_products, seed)[0]


def extreme_eigenvalues(
    matrix: Matrix, tolerance: float = TOLERANCE, max_products: int = MAX_PRODUCTS, seed: int = 0
) -> tuple[Eigenvalue, Eigenvalue]:
    """The smallest and the largest eigenvalue from the same products; arguments as of largest_eigenvalue."""
    smallest, largest = _lanczos(matrix, (False, True), tolerance, max_products, seed)
    return smallest, largest


def _lanczos(
    matrix: Matrix, ends: tuple[bool, ...], tolerance: float, max_products: int, seed: int
) -> list[Eigenvalue]:
    """The wanted ends (True: the upper) of the spectrum; stops when all are within the tolerance."""
    n_most = min(max_products, matrix.size)
    basis = np.zeros((n_most + 1, matrix.size))
    alpha, beta = np.zeros(n_most), np.zeros(n_most)
    start = normal(stream_key(seed, Purpose.CURVATURE), matrix.size)
    basis[0] = start / np.linalg.norm(start)
    for k in range(n_most):
        doing("curvature, product with the Hessian", k + 1)
        product = matrix @ basis[k]
        if not np.isfinite(product).all():
            raise DataError(
                "the curvature is not finite at these parameters: loss and gradient must be finite. "
                "Scale the inputs, or use parameters from before the run diverged."
            )
        alpha[k] = basis[k] @ product
        for _ in range(2):
            product = product - basis[: k + 1].T @ (basis[: k + 1] @ product)
        beta[k] = np.linalg.norm(product)
        values, vectors = _tridiagonal(alpha[: k + 1], beta[:k])
        magnitude = float(np.abs(values).max())
        complete = k + 1 == matrix.size or beta[k] <= 1e-13 * magnitude  # an invariant subspace: nothing is left
        found: list[tuple[float, float, bool, Array]] = []
        for upper in ends:
            value, s = float(values[-1 if upper else 0]), vectors[:, -1 if upper else 0]
            residual = 0.0 if complete else float(beta[k] * abs(s[-1]))
            converged = residual <= tolerance * max(abs(value), 1e-3 * magnitude)
            found.append((value, residual, converged, s))
        if all(converged for _, _, converged, _ in found):
            break
        basis[k + 1] = product / beta[k]
    return [
        Eigenvalue(value, residual, converged, s @ basis[: k + 1], k + 1) for value, residual, converged, s in found
    ]


def _tridiagonal(alpha: Array, beta: Array) -> tuple[Array, Array]:
    """Eigenvalues, ascending, and eigenvectors of the tridiagonal matrix."""
    values, vectors = np.linalg.eigh(np.diag(alpha) + np.diag(beta, 1) + np.diag(beta, -1))
    return values, vectors
