"""Once: a property that is worked out once, whichever of several threads asks first."""

from __future__ import annotations

from collections.abc import Callable
from threading import RLock
from typing import Any, Generic, TypeVar, overload

T = TypeVar("T")


class once(Generic[T]):
    """The property that this decorates, worked out when it is first asked for and kept since.

    A second thread that asks meanwhile waits for the first, and gets what that worked out. Such
    properties may ask for each other, as long as they do so in no circle. As with Python's
    `cached_property` a value in the object's own dictionary takes the place of what would be worked
    out; other than that, two threads never work out the same.
    """

    def __init__(self, work: Callable[[Any], T]) -> None:
        self._work = work
        self.__doc__ = work.__doc__
        self._locks = RLock()

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    @overload
    def __get__(self, one: None, owner: type) -> once[T]: ...
    @overload
    def __get__(self, one: object, owner: type) -> T: ...
    def __get__(self, one: object | None, owner: type) -> once[T] | T:
        if one is None:
            return self
        with self._lock_of(one):
            known = one.__dict__
            if self._name not in known:
                known[self._name] = self._work(one)
            return known[self._name]

    def _lock_of(self, one: object) -> RLock:
        with self._locks:
            return one.__dict__.setdefault(f"_lock_of_{self._name}", RLock())
