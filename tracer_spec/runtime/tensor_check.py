"""Checks the constants of a graph: inside the file, as large as they say, and finite."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from tracer_spec.runtime import limits
from tracer_spec.runtime.protobuf_wire import BYTES, VARINT, Field, WireError, count_varints, fields, signed, varints

if TYPE_CHECKING:
    from numpy.typing import NDArray

MAX_ELEMENTS = 1 << 31
MAX_RANK = 16
PLAIN = "rebuild it from surrogates that export plain graphs"

# onnx.proto's TensorProto.DataType: bytes of one element in raw_data, and the field that holds them otherwise
_FLOAT, _FLOAT16, _DOUBLE, _BFLOAT16 = 1, 10, 11, 16
_FLOAT_DATA, _INT32_DATA, _STRING_DATA, _INT64_DATA, _RAW_DATA, _DOUBLE_DATA, _UINT64_DATA = (
    4,
    5,
    6,
    7,
    9,
    10,
    11,
)
_TYPES: dict[int, tuple[int, int]] = {
    _FLOAT: (4, _FLOAT_DATA),
    2: (1, _INT32_DATA),
    3: (1, _INT32_DATA),
    4: (2, _INT32_DATA),
    5: (2, _INT32_DATA),
    6: (4, _INT32_DATA),
    7: (8, _INT64_DATA),
    9: (1, _INT32_DATA),
    _FLOAT16: (2, _RAW_DATA),
    _DOUBLE: (8, _DOUBLE_DATA),
    12: (4, _UINT64_DATA),
    13: (8, _UINT64_DATA),
    _BFLOAT16: (2, _RAW_DATA),
}
_DIMS, _DATA_TYPE, _SEGMENT, _NAME, _DOC, _EXTERNAL_DATA, _DATA_LOCATION, _METADATA = (
    1,
    2,
    3,
    8,
    12,
    13,
    14,
    16,
)
_DATA = (_FLOAT_DATA, _INT32_DATA, _STRING_DATA, _INT64_DATA, _RAW_DATA, _DOUBLE_DATA, _UINT64_DATA)


class GraphRefusedError(Exception):
    """A well-formed graph holds what a policy may not; carries the remedy."""

    def __init__(self, what: str, hint: str) -> None:
        super().__init__(what)
        self.hint = hint


def check_tensor(data: bytes, start: int, end: int, *, masks: bool = False) -> None:
    """Refuse the ``TensorProto`` ``data[start:end]`` unless it is whole, of an honest size and finite.

    With ``masks``, it may hold minus infinity too.
    """
    dims: list[int] = []
    data_type, name = 0, None
    held: dict[int, Field] = {}
    for n_fields, field in enumerate(fields(data, start, end)):
        if n_fields >= limits.TENSOR_FIELDS:
            raise WireError(f"a tensor has more than {limits.TENSOR_FIELDS} fields")
        number = field.number
        if number in (_EXTERNAL_DATA, _DATA_LOCATION):
            if number == _EXTERNAL_DATA or field.value:
                raise GraphRefusedError(
                    "keeps a constant in another file",
                    "a bundle is one file: export it without external data",
                )
        elif number == _SEGMENT:
            raise GraphRefusedError("keeps a constant in segments", PLAIN)
        elif number == _DIMS:
            dims += _dims(data, field)
        elif number == _DATA_TYPE and field.kind == VARINT and field.repeated == 1 and not data_type:
            data_type = field.value
        elif number in _DATA and field.kind == BYTES and field.repeated == 1 and not held:
            held[number] = field
        elif number == _NAME and field.kind == BYTES and field.repeated == 1 and name is None:
            name = data[field.start : field.end].decode("utf-8", "backslashreplace")[:80]
        elif number not in (_DOC, _METADATA):
            raise WireError(f"field {number} of a tensor is unknown, given twice, or of wire type {field.kind}")
    _check_content(data, f"the constant {name or ''!r}", dims, data_type, held, masks=masks)


def _dims(data: bytes, field: Field) -> list[int]:
    """Return dimensions, packed or one by one."""
    if field.kind == BYTES and field.repeated == 1 and field.end - field.start <= MAX_RANK * 12:
        found = list(varints(data, field.start, field.end))
    elif field.kind == VARINT and field.repeated == 1:
        found = [field.value]
    elif field.kind == VARINT and field.end - field.start <= MAX_RANK * 12:
        found = list(varints(data, field.start, field.end))[1::2]  # tag, value, tag, value
    else:
        raise WireError("the dimensions of a tensor are malformed")
    return found


def _check_content(
    data: bytes, what: str, dims: list[int], data_type: int, held: dict[int, Field], *, masks: bool
) -> None:
    """Compare what a tensor claims with what it holds."""
    if len(dims) > MAX_RANK or any(not 0 <= signed(dim) <= MAX_ELEMENTS for dim in dims):
        raise GraphRefusedError(f"gives {what} impossible dimensions", PLAIN)
    if data_type not in _TYPES:
        raise GraphRefusedError(f"gives {what} the element type {data_type}, which a policy may not use", PLAIN)
    n_elements = math.prod(dims)
    item_bytes, typed_field = _TYPES[data_type]
    n_held = 0
    for number, field in held.items():
        n_held = _count(data, number, field, item_bytes if number == _RAW_DATA else 0)
        if number not in (_RAW_DATA, typed_field):
            raise GraphRefusedError(f"keeps {what} in a field that does not fit its type", PLAIN)
        floats = _as_floats(data, data_type, field)
        if floats is not None and n_held:
            check_finite_floats(floats, what, masks=masks)
    if n_held != n_elements:
        raise GraphRefusedError(f"says that {what} has {n_elements} elements; it has {n_held}", PLAIN)


def _count(data: bytes, number: int, field: Field, item_bytes: int) -> int:
    """Return how many elements a field holds; -1 where they do not fill it."""
    n_bytes = field.end - field.start
    width = item_bytes or {_FLOAT_DATA: 4, _DOUBLE_DATA: 8}.get(number, 0)
    if width:
        return n_bytes // width if n_bytes % width == 0 else -1
    return count_varints(data, field.start, field.end)


def _as_floats(data: bytes, data_type: int, field: Field) -> NDArray[Any] | None:
    """View a tensor's bytes as numbers whose finiteness numpy can tell; None for integers."""
    n_bytes = field.end - field.start
    kind = {_FLOAT: "<f4", _DOUBLE: "<f8", _FLOAT16: "<f2", _BFLOAT16: "<u2"}.get(data_type)
    if kind is None:
        return None
    values = np.frombuffer(data, kind, count=n_bytes // np.dtype(kind).itemsize, offset=field.start)
    if data_type == _BFLOAT16:  # the upper half of a float32
        values = (values.astype("<u4") << 16).view("<f4")
    return values


def check_finite_floats(values: NDArray[Any], what: str, *, masks: bool = False) -> None:
    """Refuse numbers that are not finite; with ``masks``, minus infinity is let through."""
    if not np.isfinite(values).all() and not (masks and (np.isfinite(values) | np.isneginf(values)).all()):
        raise GraphRefusedError(
            f"has a number that is not finite in {what}",
            "train the surrogate again; where a bound is meant, use the largest finite float",
        )
