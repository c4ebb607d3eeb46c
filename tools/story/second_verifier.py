"""Checks Waypost's evidence with nothing but SHA-256, sharing no code with Waypost: written from the words in
proto/waypost/audit/v1/audit.proto and RFC 9162 alone."""

import base64
import hashlib


class Refused(Exception):
    """The evidence does not hold, and why."""


def _hash(data):
    return hashlib.sha256(data).digest()


def _leaf_hash(leaf):
    return _hash(b"\x00" + leaf)


def _node_hash(left, right):
    return _hash(b"\x01" + left + right)


def _bytes(value, length=None):
    try:
        data = base64.b64decode(value or "", validate=True)
    except ValueError as error:
        raise Refused("not base64") from error
    if length is not None and len(data) != length:
        raise Refused(f"{len(data)} bytes where {length} are due")
    return data


def _varint(data, at):
    value = shift = 0
    while True:
        if at >= len(data) or shift > 63:
            raise Refused("the record breaks off")
        value |= (data[at] & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if data[at - 1] < 0x80:
            return value, at


def _event_id(record):
    """Field 1 of a waypost.event.v1.Event, which is written first."""
    if not record or record[0] != 0x0A:
        raise Refused("the record does not begin with its event id")
    length, at = _varint(record, 1)
    if length != 16 or len(record) < at + 16:
        raise Refused("the event id does not have 16 bytes")
    return record[at:at + 16]


def inclusion_root(index, size, leaf, path):
    """The root that `path` leads to: RFC 9162, section 2.1.3.2."""
    if not 0 <= index < size:
        raise Refused("the index is outside the tree")
    fn, sn, root = index, size - 1, _leaf_hash(leaf)
    for step in path:
        if sn == 0:
            raise Refused("the path is too long")
        if fn & 1 or fn == sn:
            root = _node_hash(step, root)
            while not fn & 1 and fn:
                fn, sn = fn >> 1, sn >> 1
        else:
            root = _node_hash(root, step)
        fn, sn = fn >> 1, sn >> 1
    if sn != 0:
        raise Refused("the path is too short")
    return root


def check_proof(proof):
    """`proof` as parsed from its JSON file. Raises Refused."""
    if proof.get("format") != "waypost-audit-proof/1":
        raise Refused("another format")
    leaf, root = _bytes(proof.get("leaf"), 49), _bytes(proof.get("rootHash"), 32)
    record, nonce = _bytes(proof.get("record")), _bytes(proof.get("nonce"), 32)
    if leaf != b"\x01" + _event_id(record) + _hash(nonce + record):
        raise Refused("the record is not what the leaf commits to")
    path = [_bytes(step, 32) for step in proof.get("path", [])]
    if inclusion_root(int(proof.get("index", 0)), int(proof.get("treeSize", 0)), leaf, path) != root:
        raise Refused("the path does not lead to the root")


def check_consistency(proof, first_root):
    """That the tree with `first_root` (base64, kept from before) begins the newer one: RFC 9162, 2.1.4.2."""
    first, second = int(proof["firstSize"]), int(proof["secondSize"])
    kept, newer = _bytes(first_root, 32), _bytes(proof["secondRootHash"], 32)
    if _bytes(proof["firstRootHash"], 32) != kept:
        raise Refused("the older root is another than the one kept")
    path = [_bytes(step, 32) for step in proof.get("path", [])]
    if not 1 <= first <= second:
        raise Refused("the sizes are not in order")
    if first == second:
        if path or kept != newer:
            raise Refused("two trees of one size differ")
        return
    if first & (first - 1) == 0:
        path.insert(0, kept)
    if not path:
        raise Refused("the path is empty")
    fn, sn = first - 1, second - 1
    while fn & 1:
        fn, sn = fn >> 1, sn >> 1
    older = root = path[0]
    for step in path[1:]:
        if sn == 0:
            raise Refused("the path is too long")
        if fn & 1 or fn == sn:
            older, root = _node_hash(step, older), _node_hash(step, root)
            while not fn & 1 and fn:
                fn, sn = fn >> 1, sn >> 1
        else:
            root = _node_hash(root, step)
        fn, sn = fn >> 1, sn >> 1
    if sn != 0 or older != kept or root != newer:
        raise Refused("the newer tree does not begin with the older one")
