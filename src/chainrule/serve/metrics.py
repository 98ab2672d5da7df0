"""Counters of all processes of a server in one piece of shared memory, and their text for Prometheus.

Each process writes a row of its own, so no lock is needed; a reader adds the rows. The row of a process that ended is
taken over by the next one: counters never fall.
"""

from __future__ import annotations

import mmap
import time

import numpy as np

BUCKETS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
ROUTES = ("/predict", "/health", "/metrics", "/openapi.json", "/", "other")
STATUSES = (200, 400, 401, 403, 404, 405, 408, 413, 415, 422, 429, 500, 503)
_COUNTERS = ("rows", "explained_rows", "batches", "request_bytes", "seconds")
_N_REQUESTS = len(ROUTES) * len(STATUSES)
_N = _N_REQUESTS + len(_COUNTERS) + len(BUCKETS_S) + 1


class Metrics:
    """The counters of one process among those of all."""

    def __init__(self, n_processes: int = 1) -> None:
        self._memory = mmap.mmap(-1, 8 * _N * n_processes)
        self._all = np.frombuffer(self._memory, np.float64).reshape(n_processes, _N)
        self.started = time.time()
        self.use(0)

    def use(self, index: int) -> None:
        """Write into the row of this process from now on."""
        row = self._all[index]
        self._requests = row[:_N_REQUESTS].reshape(len(ROUTES), len(STATUSES))
        self._counters = row[_N_REQUESTS : _N_REQUESTS + len(_COUNTERS)]
        self._times = row[_N_REQUESTS + len(_COUNTERS) :]

    def answered(self, route: str, status: int, seconds: float, n_bytes: int) -> None:
        """Count a request that was answered."""
        known = status if status in STATUSES else 500 if status >= 500 else 400
        self._requests[ROUTES.index(route if route in ROUTES else "other"), STATUSES.index(known)] += 1
        if route == "/predict":
            self._times[int(np.searchsorted(BUCKETS_S, seconds))] += 1
            self.add("seconds", seconds)
        self.add("request_bytes", n_bytes)

    def add(self, name: str, amount: float) -> None:
        """Count rows, explained_rows, batches, request_bytes or seconds."""
        self._counters[_COUNTERS.index(name)] += amount

    def text(self) -> str:
        """All of them in the text format of Prometheus. Source: Prometheus, exposition formats, version 0.0.4."""
        total = self._all.sum(axis=0)
        requests = total[:_N_REQUESTS].reshape(len(ROUTES), len(STATUSES))
        counters = dict(zip(_COUNTERS, total[_N_REQUESTS:], strict=False))
        times = np.cumsum(total[_N_REQUESTS + len(_COUNTERS) :])
        lines = _head("requests_total", "counter", "Requests answered.")
        for route, counts in zip(ROUTES, requests, strict=True):
            lines += [
                f'chainrule_requests_total{{route="{route}",status="{status}"}} {int(n)}'
                for status, n in zip(STATUSES, counts, strict=True)
                if n
            ]
        for name, key, text in (
            ("predicted_rows_total", "rows", "Rows predicted."),
            ("explained_rows_total", "explained_rows", "Rows explained."),
            ("batches_total", "batches", "Computations; several requests may share one."),
            ("request_bytes_total", "request_bytes", "Bytes of request bodies."),
        ):
            lines += [*_head(name, "counter", text), f"chainrule_{name} {int(counters[key])}"]
        lines += _head("predict_seconds", "histogram", "Seconds from the whole request to its answer.")
        for bound, n in zip([*map(repr, BUCKETS_S), "+Inf"], times, strict=True):
            lines.append(f'chainrule_predict_seconds_bucket{{le="{bound}"}} {int(n)}')
        lines.append(f"chainrule_predict_seconds_sum {float(counters['seconds'])!r}")
        lines.append(f"chainrule_predict_seconds_count {int(times[-1])}")
        lines += _head("start_time_seconds", "gauge", "When the server started, in seconds since 1970.")
        return "\n".join([*lines, f"chainrule_start_time_seconds {self.started:.3f}", ""])


def _head(name: str, kind: str, text: str) -> list[str]:
    return [f"# HELP chainrule_{name} {text}", f"# TYPE chainrule_{name} {kind}"]
