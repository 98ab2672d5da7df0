"""Options that may be given several times."""

from __future__ import annotations

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
