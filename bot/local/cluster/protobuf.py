"""Reads the one message that kubectl insists on sending as protobuf: the SelfSubjectAccessReview of `auth can-i`."""

from bot.local.cluster.kinds import Obj
from bot.local.cluster.status import bad_request

MEDIA_TYPE = "application/vnd.kubernetes.protobuf"
_MAGIC = b"k8s\x00"
_ATTRIBUTES = {
    1: "namespace",
    2: "verb",
    3: "group",
    4: "version",
    5: "resource",
    6: "subresource",
    7: "name",
}


def access_review_body(raw: bytes) -> Obj:
    """The review as its JSON form; 400 where the bytes are no such message."""
    if not raw.startswith(_MAGIC):
        raise bad_request("the body is no Kubernetes protobuf envelope")
    message = _fields(raw[len(_MAGIC) :]).get(2, b"")
    attributes = _fields(_fields(_fields(message).get(2, b"")).get(1, b""))
    named = {
        _ATTRIBUTES[number]: value.decode() for number, value in attributes.items() if number in _ATTRIBUTES
    }
    return {"spec": {"resourceAttributes": {key: value for key, value in named.items() if value}}}


def _fields(raw: bytes) -> dict[int, bytes]:
    """The length-delimited fields of a message by number; the last one wins, other wire types are skipped."""
    found: dict[int, bytes] = {}
    at = 0
    while at < len(raw):
        tag, at = _varint(raw, at)
        if tag & 7 == 0:
            _, at = _varint(raw, at)
        elif tag & 7 == 2:
            length, at = _varint(raw, at)
            found[tag >> 3] = raw[at : at + length]
            at += length
        else:
            raise bad_request("unexpected protobuf wire type")
    return found


def _varint(raw: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while at < len(raw):
        byte = raw[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7
    raise bad_request("truncated protobuf message")
