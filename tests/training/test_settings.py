"""Every hyper-parameter: its default, its range, and what a refusal says."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainrule.errors import SettingsError
from chainrule.reference.optimizers import OPTIMIZERS
from chainrule.training.schedule import SCHEDULES
from chainrule.training.settings import OPTIMIZER_SETTINGS, SETTINGS, Setting, Settings, check
from chainrule.training.update_rules import (
    OPTIMIZER_CLASSES,
    SGD,
    Adagrad,
    Adam,
    AdamW,
    RMSProp,
    UpdateRule,
    optimizer_from,
)

ALL = SETTINGS | OPTIMIZER_SETTINGS
NUMBERS = [setting for setting in ALL.values() if setting.kind in (int, float)]
INSTANCES = [
    SGD(),
    SGD(0.5, momentum=0.9, nesterov=True),
    Adam(beta1=0.0),
    AdamW(weight_decay=0.0),
    RMSProp(rho=0.5),
    Adagrad(0.3),
]


def outside(setting: Setting) -> list[Any]:
    """Values a setting must refuse: of another kind, not finite, and just beyond its bounds."""
    if setting.kind is dict:
        return ["fast", [1], object(), 3, {"9x": 1.0}, {1: 1.0}, {"b": -1.0, "dropout": "quickly"}]
    values: list[Any] = ["fast", [1], {}, object()]
    if not setting.optional:
        values.append(None)
    if setting.choices:
        return [*values, 1, True]
    if setting.kind is bool:
        return [*values, 2, -1, 0.5, math.nan]
    values += [math.nan, math.inf, -math.inf, True, False, "1", 1j, 10**400]
    if setting.kind is int:
        values.append(1.5)
    step = 1 if setting.kind is int else 1e-9
    if setting.low is not None:
        values += [setting.low if setting.open_low else setting.low - step, -(10**9)]
    if setting.high is not None:
        values.append(setting.high if setting.open_high else setting.high + max(step, math.ulp(setting.high)))
    return values


REFUSED = [(setting, value) for setting in ALL.values() for value in outside(setting)]


@pytest.mark.parametrize(
    ("setting", "value"), REFUSED, ids=[f"{setting.name}-{i}" for i, (setting, _) in enumerate(REFUSED)]
)
def test_refuses_and_says_why(setting: Setting, value: Any) -> None:
    """A value out of range is a SettingsError that names the setting, shows the value, and says what is expected."""
    with pytest.raises(SettingsError) as caught:
        setting.check(value)
    text = str(caught.value)
    assert setting.name in text
    assert repr(value)[:60] in text  # of a long one the beginning
    assert all(name in text for name in setting.choices) if setting.choices else setting.expected() in text


def test_message_by_hand() -> None:
    """The message reads as a sentence."""
    with pytest.raises(SettingsError, match=r"^dropout=1\.5: must be a number ≥ 0 and < 1\. Try 0\.0\.$"):
        check("dropout", 1.5)
    with pytest.raises(SettingsError, match=r"^batch_size=0: must be a whole number ≥ 1\. Try 32\.$"):
        check("batch_size", 0)
    with pytest.raises(SettingsError, match=r"^clip_norm=0: must be a number > 0 or none\.$"):
        check("clip_norm", 0)
    with pytest.raises(SettingsError, match=r"^schedule 'cosin' is unknown; did you mean 'cosine'\? Known: constant, "):
        check("schedule", "cosin")


@pytest.mark.parametrize("setting", ALL.values(), ids=lambda setting: setting.name)
def test_default_is_legal_and_said(setting: Setting) -> None:
    """Every default passes its own check, and every setting says what it means and what it expects."""
    assert setting.check(setting.default) == setting.default
    assert setting.meaning
    assert setting.expected()


@pytest.mark.parametrize("setting", NUMBERS, ids=lambda setting: setting.name)
def test_closed_bounds_are_legal(setting: Setting) -> None:
    """A bound that is not excluded is itself legal, and comes back in the setting's own kind."""
    for bound, is_open in ((setting.low, setting.open_low), (setting.high, setting.open_high)):
        if bound is not None and not is_open:
            assert type(setting.check(bound)) is setting.kind


def test_kinds() -> None:
    """Whole floats and NumPy numbers become plain int and float; 0 and 1 become plain bool."""
    for given_value, name, value in (
        (3.0, "epochs", 3),
        (np.int64(3), "epochs", 3),
        (np.float32(0.5), "dropout", 0.5),
        (1, "l2", 1.0),
        (1, "shuffle", True),
        (np.False_, "shuffle", False),
        (2**64 - 1, "seed", 2**64 - 1),
    ):
        found = check(name, given_value)
        assert (found, type(found)) == (value, type(value))


@pytest.mark.parametrize("name", [name for name, setting in ALL.items() if setting.optional])
def test_optional_settings_accept_none(name: str) -> None:
    """An optional setting may be None."""
    assert check(name, None) is None


def test_tables_agree() -> None:
    """The names of optimizers and schedules, their classes, the reference's table and its defaults are the same."""
    assert set(OPTIMIZER_CLASSES) == set(OPTIMIZERS)
    assert set(SETTINGS["schedule"].choices) == set(SCHEDULES)
    for name, cls in OPTIMIZER_CLASSES.items():
        assert cls().hyper == dict(OPTIMIZERS[name].hyper)
        assert set(cls().hyper) <= set(OPTIMIZER_SETTINGS)


# optimizers ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("cls", OPTIMIZER_CLASSES.values())
def test_optimizers_check_their_values(cls: type[UpdateRule]) -> None:
    """An optimizer refuses an impossible learning rate or hyper-parameter when it is built."""
    for name in ("learning_rate", *cls().hyper):
        with pytest.raises(SettingsError, match=name):
            cls(**{name: -1.0})


def test_nesterov_needs_momentum() -> None:
    """nesterov without momentum is refused with its remedy."""
    with pytest.raises(SettingsError, match="must be used with momentum > 0"):
        SGD(0.1, nesterov=True)


@pytest.mark.parametrize("optimizer", INSTANCES, ids=repr)
def test_optimizer_round_trip(optimizer: UpdateRule) -> None:
    """An optimizer survives to_dict, JSON and optimizer_from."""
    assert optimizer_from(json.loads(json.dumps(optimizer.to_dict()))) == optimizer
    assert optimizer_from(optimizer) is optimizer


def test_optimizer_from() -> None:
    """None is Adam, a name is that rule with its defaults."""
    assert optimizer_from(None) == Adam()
    assert optimizer_from("sgd") == SGD()
    assert optimizer_from({"name": "sgd", "learning_rate": 0.5}) == SGD(0.5)


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ("adma", "optimizer 'adma' is unknown; did you mean 'adam'"),
        ({"learning_rate": 0.1}, "optimizer None is unknown"),
        ({"name": "sgd", "momentun": 0.9}, "setting of optimizer 'sgd' 'momentun' is unknown; did you mean 'momentum'"),
        ({"name": "sgd", "beta1": 0.9}, "'beta1' is unknown"),
        (0.1, "optimizer 0.1 is not an update rule"),
        (Adam, "is not an update rule"),
    ],
)
def test_optimizer_from_refuses(values: Any, text: str) -> None:
    """What is no update rule is a SettingsError that says so and, for a misspelling, suggests the nearest."""
    with pytest.raises(SettingsError) as caught:
        optimizer_from(values)
    assert text in str(caught.value)


# the settings of a training --------------------------------------------------------------------------------


def test_defaults() -> None:
    """Settings() holds the defaults of the table."""
    settings = Settings()
    for name, setting in SETTINGS.items():
        if name != "optimizer" and hasattr(settings, name):
            assert getattr(settings, name) == setting.default
    assert settings.optimizer == Adam()


@pytest.mark.parametrize(("name", "value"), [("epochs", 0), ("l2", -1), ("schedule", "cos"), ("optimizer", "x")])
def test_settings_are_checked(name: str, value: Any) -> None:
    """Settings refuses what the table refuses, when it is built."""
    with pytest.raises(SettingsError, match=name):
        Settings(**{name: value})


@given(
    optimizer=st.sampled_from(INSTANCES),
    batch_size=st.integers(1, 10**6),
    epochs=st.integers(1, 10**7),
    l2=st.floats(0, 1e6),
    dropout=st.floats(0, 1, exclude_max=True),
    clip_norm=st.none() | st.floats(0, 1e9, exclude_min=True),
    schedule=st.sampled_from(list(SCHEDULES)),
    early_stopping=st.none() | st.integers(1, 100),
    seed=st.integers(0, 2**64 - 1),
    shuffle=st.booleans(),
)
def test_settings_round_trip(**values: Any) -> None:
    """Settings survives to_dict, JSON and from_dict exactly; every value is as given."""
    settings = Settings(**values)
    assert Settings.from_dict(json.loads(json.dumps(settings.to_dict()))) == settings
    assert {name: getattr(settings, name) for name in values} == values


def test_settings_accept_an_optimizers_name() -> None:
    """The optimizer may be given as a name or as its dict."""
    assert Settings(optimizer="sgd").optimizer == SGD()
    assert Settings(optimizer=SGD(0.3).to_dict()).optimizer == SGD(0.3)
