"""The tree against pymerkle, an implementation of RFC 6962 by other hands."""

import hashlib
from itertools import pairwise

import pytest
from carnet_verify.leaf import hash_leaf
from carnet_verify.tree import (
    EMPTY_ROOT,
    Frontier,
    Node,
    consistency_ranges,
    inclusion_ranges,
    perfect_nodes,
    prove,
    proves_consistency,
    proves_inclusion,
    root_of,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from pymerkle import InmemoryTree

SIZES = st.integers(min_value=1, max_value=300)


def entries(size: int) -> list[bytes]:
    return [b"entry %d" % number for number in range(size)]


def grow(size: int) -> tuple[Frontier, dict[Node, bytes], list[bytes]]:
    """The frontier, all nodes and all roots (by size) of a tree over `entries(size)`."""
    frontier, nodes, roots = Frontier(), dict[Node, bytes](), [EMPTY_ROOT]
    for index, entry in enumerate(entries(size)):
        for level, value in enumerate(frontier.append(hash_leaf(entry))):
            nodes[(level, index >> level)] = value
        roots.append(frontier.root())
    return frontier, nodes, roots


FRONTIER, NODES, ROOTS = grow(300)


def oracle(size: int) -> InmemoryTree:
    tree = InmemoryTree(algorithm="sha256")
    for entry in entries(size):
        tree.append_entry(entry)
    return tree


ORACLE = oracle(300)


@given(SIZES)
def test_roots_are_those_of_the_oracle(size: int) -> None:
    assert ROOTS[size] == ORACLE.get_root(size)
    assert root_of(map(hash_leaf, entries(size))) == ROOTS[size]


def test_the_root_of_nothing_is_the_hash_of_nothing() -> None:
    assert Frontier().root() == root_of([]) == hashlib.sha256(b"").digest()


@given(SIZES, st.data())
def test_inclusion_proofs_are_those_of_the_oracle_and_verify(size: int, data: st.DataObject) -> None:
    index = data.draw(st.integers(min_value=0, max_value=size - 1))
    proof = prove(inclusion_ranges(index, size), NODES.__getitem__)
    expected = ORACLE.prove_inclusion(index + 1, size).serialize()["path"][1:]
    assert [node.hex() for node in proof] == expected
    leaf = hash_leaf(entries(size)[index])
    assert proves_inclusion(leaf, index, size, proof, ROOTS[size])
    assert not proves_inclusion(leaf, index, size, [*proof, leaf], ROOTS[size])
    assert not proves_inclusion(leaf, size, size, proof, ROOTS[size])
    if proof:
        assert not proves_inclusion(leaf, index, size, proof[:-1], ROOTS[size])
        assert not proves_inclusion(leaf, index ^ 1, size, proof, ROOTS[size])


@given(SIZES, SIZES)
def test_consistency_proofs_verify_between_any_two_sizes_and_no_others(one: int, other: int) -> None:
    """A3: a split view has no consistency proof."""
    old, new = sorted((one, other))
    proof = prove(consistency_ranges(old, new), NODES.__getitem__)
    assert proves_consistency(old, new, ROOTS[old], ROOTS[new], proof)
    forked = root_of([hash_leaf(b"fork"), *map(hash_leaf, entries(old)[1:])])
    assert not proves_consistency(old, new, forked, ROOTS[new], proof)
    assert not proves_consistency(old, new, ROOTS[old], forked, proof)
    if old != new:
        assert not proves_consistency(old, new, ROOTS[old], ROOTS[new], proof[:-1])
        assert not proves_consistency(old, new, ROOTS[old], ROOTS[new], [*proof, forked])


@settings(max_examples=50)
@given(SIZES, SIZES)
def test_consistency_proofs_are_as_long_as_the_specification_says(one: int, other: int) -> None:
    old, new = sorted((one, other))
    assert len(consistency_ranges(old, new)) <= (new - 1).bit_length() + 1


@given(SIZES)
def test_a_frontier_is_found_again_from_stored_nodes(size: int) -> None:
    found = Frontier(size, [NODES[node] for node in perfect_nodes(0, size)])
    assert found.root() == ROOTS[size]
    assert found.append(hash_leaf(b"next"))[0] == hash_leaf(b"next")


@given(SIZES)
def test_perfect_nodes_cover_a_range_once_and_in_order(size: int) -> None:
    nodes = perfect_nodes(0, size)
    assert sum(1 << level for level, _ in nodes) == size
    assert all(first[0] > second[0] for first, second in pairwise(nodes))


def test_a_frontier_refuses_hashes_that_do_not_fit_its_size() -> None:
    with pytest.raises(ValueError, match="frontier"):
        Frontier(3, [EMPTY_ROOT])


@pytest.mark.parametrize(("index", "size"), [(-1, 1), (1, 1), (0, 0)])
def test_there_is_no_inclusion_outside_the_tree(index: int, size: int) -> None:
    with pytest.raises(ValueError, match="not in a tree"):
        inclusion_ranges(index, size)
    assert not proves_inclusion(EMPTY_ROOT, index, size, [], EMPTY_ROOT)


@pytest.mark.parametrize(("old", "new"), [(0, 1), (2, 1)])
def test_there_is_no_consistency_backwards_or_from_nothing(old: int, new: int) -> None:
    with pytest.raises(ValueError, match="consistency"):
        consistency_ranges(old, new)
    assert not proves_consistency(old, new, EMPTY_ROOT, EMPTY_ROOT, [])
