"""How a session is summed up."""

from support.reporting import count_by_kind


def test_tests_are_counted_by_the_folder_they_lie_in() -> None:
    nodes = [
        "tests/unit/consent/test_a.py::test_1",
        "tests/system/test_b.py::test_unit",
        "tests/unit/test_c.py::test_2[component/]",
        "x.py::y",
    ]
    assert count_by_kind(nodes) == {"unit": 2, "system": 1}
