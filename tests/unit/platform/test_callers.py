"""The table of callers refuses by default and refuses to be read wrongly."""

from pathlib import Path

import pytest
from carnet_platform.callers import CallerTable, Right

TABLE = """
["a.v1.Open"]
"spiffe://carnet/x" = "alone"
"spiffe://carnet/software/*" = "presents"
"""


def table(tmp_path: Path, text: str = TABLE) -> CallerTable:
    (tmp_path / "callers.toml").write_text(text)
    return CallerTable.load(tmp_path / "callers.toml")


@pytest.mark.parametrize(
    ("caller", "service", "right"),
    [
        ("spiffe://carnet/x", "a.v1.Open", Right.ALONE),
        ("spiffe://carnet/software/gp", "a.v1.Open", Right.PRESENTS),
        ("spiffe://carnet/software", "a.v1.Open", None),
        ("spiffe://carnet/software/gp/more", "a.v1.Open", None),
        ("spiffe://carnet/y", "a.v1.Open", None),
        ("spiffe://carnet/x", "a.v1.Other", None),
        ("", "a.v1.Open", None),
    ],
)
def test_a_caller_has_the_right_the_table_gives_and_no_other(tmp_path: Path, caller: str, service: str, right: Right | None) -> None:
    assert table(tmp_path).right(caller, service) is right


def test_a_service_missing_from_the_table_stops_the_start(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"b\.v1\.Missing"):
        table(tmp_path).check_served(["a.v1.Open", "b.v1.Missing"])


@pytest.mark.parametrize("line", ['"spiffe://carnet/x" = "maybe"', '"spiffe://*/x" = "alone"', '"spiffe://carnet/x*" = "alone"'])
def test_a_table_that_cannot_be_meant_is_refused(tmp_path: Path, line: str) -> None:
    with pytest.raises(ValueError, match=r"a\.v1\.Open: spiffe://"):
        table(tmp_path, f'["a.v1.Open"]\n{line}\n')
