"""Rows stand as they are given, whatever their labels: the one case is refused in which that cannot be meant."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import ParamSpec, TypeVar

import pandas as pd

from blues.check import InputError

__all__ = ["rows_in_order"]

P = ParamSpec("P")
T = TypeVar("T")


def rows_in_order(function: Callable[P, T]) -> Callable[P, T]:
    """Let a function of arrays, row by row, refuse pandas objects with the same row labels in another order.

    Rows are taken as they stand, labels are not looked at: where the labels say that they stand otherwise, the answer would be
    about other pairs than meant.
    """

    @functools.wraps(function)
    def checked(*args: P.args, **kwargs: P.kwargs) -> T:
        tables = [
            (key, v.index) for key, v in (*enumerate(args), *kwargs.items()) if isinstance(v, pd.Series | pd.DataFrame)
        ]
        for key, index in tables[1:]:
            first, order = tables[0]
            if not index.equals(order) and index.value_counts().to_dict() == order.value_counts().to_dict():
                names = list(inspect.signature(function).parameters)
                a, b = (names[k] if isinstance(k, int) else k for k in (first, key))
                raise InputError(
                    f"{a} and {b} have the same row labels in another order, so their rows do not belong together",
                    remedy="If they stand in one order all the same, pass plain arrays"
                    + (f"; if the labels are right, {b}.loc[{a}.index]" if index.is_unique else ""),
                )
        return function(*args, **kwargs)

    return checked
