"""What is asked for as `embedding` and `input_scale`: checked, and turned into the steps of an input layer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import accumulate, pairwise
from typing import Any

import numpy as np

from chainrule.errors import SettingsError, refuse_unknown_names, unknown_name
from chainrule.reference.input_kinds import INPUT_KINDS, width
from chainrule.reference.kinds.embedding import places
from chainrule.reference.kinds.scale import SCALE

MOST = 10_000_000
"""Levels of all embedded columns together, frequencies, numbers of an embedding: at most."""
MOST_MEMBERS = 256
OPTIONS: dict[str, tuple[str, ...]] = {
    "pbld": ("columns", "frequencies", "size", "sigma"),
    "plr": ("columns", "frequencies", "size", "sigma"),
    "piecewise_linear": ("columns", "edges", "size"),
    "category": ("columns", "levels", "size"),
    SCALE.name: (),
    "member_scale": ("members", "start", "spread", "blocks"),
}
"""What each kind of the input layer may be given."""
EMBEDDINGS = tuple(name for name in OPTIONS if name not in (SCALE.name, "member_scale"))


def steps_of(n_in: int, embedding: Any, input_scale: Any, members: Any = 1) -> list[dict[str, Any]]:
    """The steps that the arguments of a network mean: embeddings in their order, the scale layer, the members' scales.

    `columns` of every embedding count those of X; in the steps they count what the step reads.
    """
    if not isinstance(input_scale, bool | np.bool_):
        raise SettingsError(f"input_scale={input_scale!r}: must be True or False.")
    steps: list[dict[str, Any]] = []
    at, taken = list(range(n_in + 1)), set[int]()
    for given in _listed(embedding):
        options = _checked(given, n_in)
        columns = options.get("columns", list(range(n_in)))
        if twice := sorted(taken & set(columns)):
            raise SettingsError(f"embedding: column {twice[0]} is embedded twice. Name each column once.")
        taken |= set(columns)
        now = [at[j] for j in columns]
        if "columns" in options:
            options["columns"] = now
        kind = INPUT_KINDS[options["kind"]](at[-1], options)
        size = (width(kind, at[-1]) - at[-1]) // len(now) + 1
        moved = places(at[-1], now, size)
        at = [moved[j] for j in at]
        steps.append(options)
    steps += [{"kind": SCALE.name}] if input_scale else []
    widths = [after - before for before, after in pairwise(at)]
    return steps + _members(members, steps, widths)


def _members(given: Any, steps: Sequence[Mapping[str, Any]], widths: list[int]) -> list[dict[str, Any]]:
    """The last step of K networks side by side: factors that start at N(0, 1) behind embedded numbers, else at ±1.

    given: K, or a mapping with it as "members"; "spread": they start at N(1, spread²) instead; "blocks": how many
    neighbouring columns of X share a factor.
    """
    options = dict(given) if isinstance(given, Mapping) else {"members": given}
    refuse_unknown_names("members: option", options, ("members", "spread", "blocks"))
    K = check_members("members", options.get("members"))
    if K == 1:
        return []
    if any(step["kind"] == SCALE.name for step in steps):
        raise SettingsError(f"input_scale=True with members={K}: each member has factors of its own. Leave one out.")
    how: dict[str, Any] = {"start": "normal" if _embeds_numbers(steps) else "sign"}
    if options.get("spread") is not None:
        how = {"spread": _positive("members: spread", options["spread"])}
    step = {"kind": "member_scale", "members": K, **how}
    blocks = [_whole("members: blocks", n, 1) for n in options.get("blocks", ())]
    if blocks and sum(blocks) != len(widths):
        raise SettingsError(f"members: blocks have {sum(blocks)} columns together: must be {len(widths)}, those of X.")
    ends = list(accumulate(blocks)) or list(range(1, len(widths) + 1))
    together = [sum(widths[first:end]) for first, end in zip([0, *ends], ends, strict=False)]
    return [step if max(together) == 1 else step | {"blocks": together}]


def _embeds_numbers(steps: Sequence[Mapping[str, Any]]) -> bool:
    return any(step["kind"] not in (SCALE.name, "category") for step in steps)


def check_members(name: str, given: Any) -> int:
    """How many networks side by side; SettingsError under this name for anything but 1 to MOST_MEMBERS."""
    if isinstance(given, bool) or not isinstance(given, int | np.integer) or not 1 <= given <= MOST_MEMBERS:
        raise SettingsError(f"{name}={given!r}: must be a whole number from 1 to {MOST_MEMBERS}. Try 8.")
    return int(given)


def check_step(step: Mapping[str, Any], n_in: int) -> None:
    """SettingsError for a step of an input layer, as files hold it, that reads n_in columns and is none."""
    _checked(step, n_in)


def _listed(embedding: Any) -> list[Any]:
    if embedding is None:
        return []
    return list(embedding) if isinstance(embedding, list | tuple) else [embedding]


def _checked(given: Any, n_in: int) -> dict[str, Any]:
    """One embedding as a dict with plain values."""
    options = {"kind": given} if isinstance(given, str) else dict(given) if isinstance(given, Mapping) else None
    if options is None or "kind" not in options:
        raise SettingsError(
            f"embedding={given!r}: must be a name, a dict with its name as 'kind', or several of them; names: "
            f"{', '.join(EMBEDDINGS)}."
        )
    kind = options["kind"]
    if kind not in OPTIONS:
        raise unknown_name("embedding", kind, EMBEDDINGS)
    refuse_unknown_names(f"embedding {kind!r}: option", options, ("kind", *OPTIONS[kind]))
    if "columns" in options:
        options["columns"] = _columns(options["columns"], n_in)
    n_columns = len(options.get("columns", range(n_in)))
    for name, least in (("frequencies", 1), ("size", 2 if kind == "pbld" else 1)):
        if name in options:
            options[name] = _whole(f"embedding {kind!r}: {name}", options[name], least)
    if "sigma" in options:
        options["sigma"] = _positive(f"embedding {kind!r}: sigma", options["sigma"])
    if kind == "piecewise_linear":
        options["edges"] = _edges(options.get("edges"), n_columns)
    if kind == "member_scale":
        _check_members(options, n_in)
    if kind == "category":
        options["levels"] = _levels(options.get("levels"), n_columns)
    return options


def _check_members(options: Mapping[str, Any], n_in: int) -> None:
    """SettingsError for a step of members, as files hold it, that means nothing."""
    if not 2 <= _whole("member_scale: members", options.get("members"), 1) <= MOST_MEMBERS:
        raise SettingsError(f"member_scale: members={options['members']!r}: must be from 2 to {MOST_MEMBERS}.")
    if options.get("start", "sign") not in ("sign", "normal"):
        raise unknown_name("start of member_scale", options["start"], ("sign", "normal"))
    if "spread" in options:
        _positive("member_scale: spread", options["spread"])
    blocks = [_whole("member_scale: blocks", n, 1) for n in options.get("blocks", ())]
    if blocks and sum(blocks) != n_in:
        raise SettingsError(f"member_scale: blocks have {sum(blocks)} columns together: must be {n_in}.")


def _columns(given: Any, n_in: int) -> list[int]:
    columns = list(given) if isinstance(given, Sequence | np.ndarray) else [given]
    whole = [int(j) for j in columns if isinstance(j, int | np.integer) and not isinstance(j, bool)]
    if (
        len(whole) != len(columns)
        or not whole
        or len(set(whole)) < len(whole)
        or not 0 <= min(whole) <= max(whole) < n_in
    ):
        raise SettingsError(
            f"embedding: columns={given!r}: must be different column numbers from 0 to {n_in - 1}, at least one."
        )
    return whole


def _whole(name: str, value: Any, least: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or not least <= value <= MOST:
        raise SettingsError(f"{name}={value!r}: must be a whole number from {least} to {MOST:,}.")
    return int(value)


def _positive(name: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float | np.number) or not 0 < value < np.inf:
        raise SettingsError(f"{name}={value!r}: must be a number above 0. Try 0.1.")
    return float(value)


def _edges(given: Any, n_columns: int) -> list[list[float]]:
    if given is None:
        raise SettingsError(
            "embedding 'piecewise_linear' needs the edges of its bins. Try embedding={'kind': 'piecewise_linear', "
            "'edges': chainrule.quantile_bins(X)}."
        )
    try:
        edges = [[float(e) for e in of_column] for of_column in given]
    except (TypeError, ValueError):
        edges = []
    if len(edges) != n_columns:
        raise SettingsError(
            f"embedding: edges of {len(edges)} columns: must be a list of numbers for each of {n_columns}."
        )
    for f, of_column in enumerate(edges):
        single = np.array(of_column, np.float32)
        if len(single) < 2 or not np.isfinite(single).all() or not (np.diff(single) > 0).all():
            raise SettingsError(
                f"embedding: edges[{f}] must be at least two finite numbers, each above the one before, in float32 "
                "too. Leave a column out of columns that has a single value."
            )
    return edges


def _levels(given: Any, n_columns: int) -> list[int]:
    levels = [given] if isinstance(given, int) else list(given) if isinstance(given, Sequence | np.ndarray) else []
    whole = [int(n) for n in levels if isinstance(n, int | np.integer) and not isinstance(n, bool) and n >= 1]
    if len(whole) != n_columns or len(levels) != n_columns or sum(whole) > MOST:
        raise SettingsError(
            f"embedding: levels={given!r}: must be how many levels each of the {n_columns} embedded columns has, at "
            f"most {MOST:,} together. Its codes are 0 … levels − 1."
        )
    return whole
