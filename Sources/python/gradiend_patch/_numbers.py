"""What a GRADIEND is asked for."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Literal, SupportsFloat, Union

Part = Literal["decoder", "decoder-weight", "decoder-bias", "decoder-sum", "encoder-weight"]
Factors = Union[SupportsFloat, Sequence[SupportsFloat], Iterable[SupportsFloat]]


def _float(value: Any) -> float:
    if isinstance(value, (str, bytes)):
        raise TypeError(f"a number is needed, not {value!r}")
    return float(value)


def number(value: Any) -> str:
    return repr(_float(value))


def number_list(values: Any) -> list[float]:
    """One number, or several: of a list, or of an array that has a dimension."""
    if isinstance(values, (str, bytes)) or not hasattr(values, "__iter__") or getattr(values, "ndim", 1) == 0:
        values = [values]
    return [_float(value) for value in values]
