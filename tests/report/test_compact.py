"""Script and style made smaller: the same tokens, nothing inside strings, templates and patterns touched."""

from __future__ import annotations

import pytest

from chainrule.report import compact


@pytest.mark.parametrize(
    ("long", "short"),
    [
        ("const a = b + c;", "const a=b+c;"),
        ("a - -b + +c", "a- -b+ +c"),
        ("return typeof x in y", "return typeof x in y"),
        ("t(\"a  =  b\", 'c : d')", "t(\"a  =  b\",'c : d')"),
        ("`a  ${ f({ b : `c  ${ d }` }) }  e` + 1", "`a  ${ f({ b : `c  ${ d }` }) }  e`+1"),
        ("x.replace( / [a/]+ /g, 1 / 2 / y )", "x.replace(/ [a/]+ /g,1/2/y)"),
        ("// a comment\n  let x; // kept, with its blanks gone\n\n", "let x;//kept,with its blanks gone\n"),
        ('let s = "\\" + x";', 'let s="\\" + x";'),
    ],
)
def test_script(long: str, short: str) -> None:
    """Blanks go where they part nothing."""
    assert compact.script(long) == short


def test_style() -> None:
    """Declarations lose their blanks; selectors, sums and the words of a value keep theirs."""
    long = ".a .b > .c {\n  margin: 0 auto; width: calc(100% - 2px);\n}\n\n@media (width < 600px) { p { top: 0; } }\n"
    assert compact.style(long) == (
        ".a .b > .c{\nmargin:0 auto;width:calc(100% - 2px)\n}\n@media (width < 600px){p{top:0}}\n"
    )
