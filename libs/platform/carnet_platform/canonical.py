"""The one text of a message that hashes are made of.

Promises proto3 JSON with original field names, default values left out, keys sorted by code point, no white space, UTF-8, and the
same bytes for the same content in every process and version. Refuses (TypeError) what has no single text: floating-point
numbers and well-known types other than Timestamp and Duration. json_format is not used: it takes three times as long and keeps the
order of the fields' numbers.
"""

from base64 import b64encode
from collections.abc import Callable
from json.encoder import encode_basestring as _quote  # the C encoder: escapes only what JSON must escape
from typing import Any, cast

from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor
from google.protobuf.message import Message

_Render = Callable[[Any], str]

# Tables are made at first use of a field and kept: descriptors live as long as the process.
_fields: dict[FieldDescriptor, tuple[str, _Render]] = {}


def canonical_json(message: Message) -> bytes:
    """Return the canonical text of `message` in UTF-8."""
    return _message(message).encode()


def _message(message: Message) -> str:
    members = []
    for field, value in message.ListFields():
        known = _fields.get(field)
        if known is None:
            known = _fields[field] = _quote(field.name) + ":", _render(field)
        members.append(known[0] + known[1](value))
    # Sorting the rendered members sorts by name: the quote after a name is smaller than any character of a name.
    members.sort()
    return "{" + ",".join(members) + "}"


def _render(field: FieldDescriptor) -> _Render:
    entry = field.message_type
    if entry is not None and entry.GetOptions().map_entry:
        return _map(_single(entry.fields_by_name["value"]))
    single = _single(field)
    if field.is_repeated:
        return lambda values: "[" + ",".join([single(value) for value in values]) + "]"
    return single


def _map(single: _Render) -> _Render:
    def render(values: Any) -> str:  # noqa: ANN401  a protobuf map of any key and value
        keys = {_key(key): key for key in values}
        return "{" + ",".join([f"{_quote(text)}:{single(values[keys[text]])}" for text in sorted(keys)]) + "}"

    return render


def _key(key: Any) -> str:  # noqa: ANN401  a string, a number or a truth value
    return str(key).lower() if isinstance(key, bool) else str(key)


def _single(field: FieldDescriptor) -> _Render:
    kind = field.type
    if kind in (FieldDescriptor.TYPE_MESSAGE, FieldDescriptor.TYPE_GROUP):
        return _submessage(cast(Descriptor, field.message_type))
    if kind == FieldDescriptor.TYPE_ENUM:
        names = {value.number: _quote(value.name) for value in cast(EnumDescriptor, field.enum_type).values}
        # An open enum may hold a number without a name; JSON then shows the number.
        return lambda number: names.get(number) or str(number)
    render = _SCALARS.get(field.cpp_type)
    if render is None:
        raise TypeError(f"{field.full_name}: a floating-point number has no canonical text")
    if kind == FieldDescriptor.TYPE_BYTES:
        return lambda value: f'"{b64encode(value).decode()}"'
    return render


def _submessage(descriptor: Descriptor) -> _Render:
    if descriptor.full_name in ("google.protobuf.Timestamp", "google.protobuf.Duration"):
        return lambda value: f'"{value.ToJsonString()}"'
    if descriptor.full_name.startswith("google.protobuf."):
        raise TypeError(f"{descriptor.full_name} has no canonical text")
    return _message


_SCALARS: dict[int, _Render] = {
    FieldDescriptor.CPPTYPE_STRING: _quote,
    FieldDescriptor.CPPTYPE_BOOL: lambda value: "true" if value else "false",
    FieldDescriptor.CPPTYPE_INT32: str,
    FieldDescriptor.CPPTYPE_UINT32: str,
    # 64-bit numbers are strings in proto3 JSON: JavaScript would round them.
    FieldDescriptor.CPPTYPE_INT64: lambda value: f'"{value}"',
    FieldDescriptor.CPPTYPE_UINT64: lambda value: f'"{value}"',
}
