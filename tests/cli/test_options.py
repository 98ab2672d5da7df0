"""Options: given several times, or with a value that looks like another option."""

from __future__ import annotations

import pytest

import chainrule as cr
from chainrule.cli.parser import build


def test_a_list_may_be_given_in_parts() -> None:
    """--kind and --drop again go on where another option would be replaced; --network is replaced."""
    given = (
        "train t.csv --target a --target b --kind x=category --kind y=number,z=time --drop k --network 8 --network 4"
    )
    options = build().parse_args(given.split())
    assert (options.target, options.kind, options.drop) == ("a,b", "x=category,y=number,z=time", "k")
    assert options.network == "4"
    assert build().parse_args(["train", "t.csv"]).drop == ""


def test_a_value_that_begins_with_a_minus_is_told_how_to_be_written() -> None:
    """argparse takes -1,.5 for an option; with = it is a value."""
    with pytest.raises(cr.SettingsError, match=r"begins with - is written --intervals=VALUE"):
        build().parse_args(["train", "t.csv", "--intervals", "-1,.5"])
    assert build().parse_args(["train", "t.csv", "--intervals=-1,.5"]).intervals == "-1,.5"
