"""The Merkle tree of RFC 6962 (section 2; verification as in RFC 9162, section 2.1): roots, proofs, the frontier.

Nodes are addressed as (level, index): node (k, i) is the root of the perfect subtree over leaves i*2^k to (i+1)*2^k - 1.
Such a node never changes once its last leaf is there, so a store keeps nodes and computes nothing twice. Proofs come in
two steps: `inclusion_ranges` and `consistency_ranges` name ranges of leaves, `perfect_nodes` the stored nodes each range
folds from. Nothing here knows where nodes are kept.
"""

import hashlib
from collections.abc import Callable, Iterable, Sequence

Node = tuple[int, int]
"""(level, index) of a perfect subtree."""

Range = tuple[int, int]
"""Leaves from the first (included) to the second (not included)."""

EMPTY_ROOT = hashlib.sha256(b"").digest()
"""The root of the tree without leaves."""


def hash_children(left: bytes, right: bytes) -> bytes:
    """RFC 6962 hash of an inner node."""
    return hashlib.sha256(b"\x01" + left + right).digest()


class Frontier:
    """The right edge of a growing tree: enough to append leaves and to know the root, in log2(size) hashes."""

    def __init__(self, size: int = 0, hashes: Sequence[bytes] = ()) -> None:
        """`hashes` are those of `perfect_nodes(0, size)`, in that order. Raises ValueError when they are not as many."""
        if size < 0 or len(hashes) != size.bit_count():
            raise ValueError("a frontier has one hash for each one in its size's binary digits")
        self.size = size
        self._hashes = list(hashes)

    def copy(self) -> "Frontier":
        """Another frontier at the same place, which grows on its own."""
        return Frontier(self.size, self._hashes)

    def append(self, leaf_hash: bytes) -> list[bytes]:
        """Appends a leaf; gives the nodes it completed, level 0 (the leaf itself) first."""
        completed = [leaf_hash]
        remaining = self.size
        while remaining & 1:
            completed.append(hash_children(self._hashes.pop(), completed[-1]))
            remaining >>= 1
        self._hashes.append(completed[-1])
        self.size += 1
        return completed

    def root(self) -> bytes:
        """The root of the tree as it stands."""
        return fold(self._hashes) if self._hashes else EMPTY_ROOT


def root_of(leaf_hashes: Iterable[bytes]) -> bytes:
    """The root of the tree over these leaf hashes."""
    frontier = Frontier()
    for leaf_hash in leaf_hashes:
        frontier.append(leaf_hash)
    return frontier.root()


def fold(hashes: Sequence[bytes]) -> bytes:
    """The hash of a range from those of its perfect subtrees, largest first."""
    result = hashes[-1]
    for left in reversed(hashes[:-1]):
        result = hash_children(left, result)
    return result


def perfect_nodes(start: int, end: int) -> list[Node]:
    """The perfect subtrees that make up a range of leaves as RFC 6962 splits it, largest first."""
    nodes = []
    while start < end:
        level = (end - start).bit_length() - 1
        nodes.append((level, start >> level))
        start += 1 << level
    return nodes


def inclusion_ranges(index: int, size: int) -> list[Range]:
    """The ranges whose hashes prove that leaf `index` is in the tree of `size` leaves, nearest to the leaf first."""
    if not 0 <= index < size:
        raise ValueError("the leaf is not in a tree of that size")
    ranges, low, high = [], 0, size
    while high - low > 1:
        middle = low + _split(high - low)
        if index < middle:
            ranges.append((middle, high))
            high = middle
        else:
            ranges.append((low, middle))
            low = middle
    return ranges[::-1]


def consistency_ranges(old: int, new: int) -> list[Range]:
    """The ranges whose hashes prove that the tree of `old` leaves is the beginning of the tree of `new` leaves."""
    if not 0 < old <= new:
        raise ValueError("consistency is between a tree with leaves and one at least as large")
    ranges, low, high, is_left_edge = [], 0, new, True
    while old != high:
        middle = low + _split(high - low)
        if old <= middle:
            ranges.append((middle, high))
            high = middle
        else:
            ranges.append((low, middle))
            low, is_left_edge = middle, False
    if not is_left_edge:
        ranges.append((low, high))
    return ranges[::-1]


def prove(ranges: Iterable[Range], node: Callable[[Node], bytes]) -> list[bytes]:
    """The hashes of these ranges, each folded from the stored nodes that `node` gives."""
    return [fold([node(address) for address in perfect_nodes(*span)]) for span in ranges]


def proves_inclusion(leaf_hash: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> bool:
    """Does `proof` show that `leaf_hash` is leaf `index` of the tree of `size` leaves with this root?"""
    if not 0 <= index < size:
        return False
    position, last, result = index, size - 1, leaf_hash
    for sibling in proof:
        if last == 0:
            return False
        if position & 1 or position == last:
            result = hash_children(sibling, result)
            while not position & 1 and position:
                position, last = position >> 1, last >> 1
        else:
            result = hash_children(result, sibling)
        position, last = position >> 1, last >> 1
    return last == 0 and result == root


def proves_consistency(old: int, new: int, old_root: bytes, new_root: bytes, proof: Sequence[bytes]) -> bool:
    """Does `proof` show that the tree of `old` leaves with `old_root` is the beginning of that of `new` with `new_root`?"""
    if not 0 < old <= new:
        return False
    if old == new:
        return not proof and old_root == new_root
    hashes = [old_root, *proof] if old & (old - 1) == 0 else list(proof)
    if not hashes:
        return False
    position, last = old - 1, new - 1
    while position & 1:
        position, last = position >> 1, last >> 1
    before = after = hashes[0]
    for sibling in hashes[1:]:
        if last == 0:
            return False
        if position & 1 or position == last:
            before, after = hash_children(sibling, before), hash_children(sibling, after)
            while not position & 1 and position:
                position, last = position >> 1, last >> 1
        else:
            after = hash_children(after, sibling)
        position, last = position >> 1, last >> 1
    return last == 0 and before == old_root and after == new_root


def _split(size: int) -> int:
    """The largest power of two smaller than `size` (2 or more)."""
    return 1 << ((size - 1).bit_length() - 1)
