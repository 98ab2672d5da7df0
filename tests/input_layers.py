"""The input layers that every test of them goes through: name, what `Architecture.build` takes for 3 columns or more.

Column 1 holds the codes 0 … 3 in the tests.
"""

from __future__ import annotations

from typing import Any

EDGES = [[-1.5, -0.5, 0.1, 0.9, 1.4], [-1.0, 0.0, 1.25]]
PBLD = {"kind": "pbld", "columns": [0, 2], "frequencies": 5, "sigma": 0.3}
PLR = {"kind": "plr", "columns": [2], "frequencies": 3, "size": 6, "sigma": 0.3}
PIECEWISE = {"kind": "piecewise_linear", "columns": [0, 2], "edges": EDGES, "size": 3}
CATEGORY = {"kind": "category", "columns": [1], "levels": [4], "size": 5}

INPUT_LAYERS: dict[str, list[dict[str, Any]]] = {
    "scale": [{"kind": "scale"}],
    "pbld": [PBLD],
    "plr": [PLR],
    "piecewise_linear": [PIECEWISE],
    "category": [CATEGORY],
    "member_scale": [{"kind": "member_scale", "members": 3}],
    "plr, member_scale": [PLR, {"kind": "member_scale", "members": 4, "start": "normal"}],
    "category, pbld, scale": [CATEGORY, {**PBLD, "columns": [0, 6]}, {"kind": "scale"}],
}
