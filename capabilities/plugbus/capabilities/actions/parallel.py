"""The same work on many items, some at a time."""

from __future__ import annotations

from collections import deque
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass
from types import GenericAlias
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from concurrent.futures import Future

T = TypeVar("T")
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Outcome(Generic[T, R]):
    """What came of one item.

    Args:
        item: The item.
        value: What the work returned; None where it raised.
        error: What it raised.
    """

    if not TYPE_CHECKING:  # pragma: no branch
        # typing's own subscription keeps its arguments in a cache, and so a plugin's classes alive after its unload.
        __class_getitem__ = classmethod(GenericAlias)

    item: T
    value: R | None = None
    error: Exception | None = None


def in_parallel(
    work: Callable[[T], R], items: Iterable[T], *, workers: int, check: Callable[[], object] | None = None
) -> Iterator[Outcome[T, R]]:
    """Do the same work on many items in threads, and yield what came of them in the order of the items.

    Items are asked for in the caller's thread, and no more of them than twice the threads ahead of what was yielded, so
    that the memory that is needed does not grow with their number. The work sees the caller's context variables.
    When the iteration ends early, what has begun is waited for, and no more is begun.

    Args:
        work: Called with each item, from several threads at once.
        items: May be endless.
        workers: How many threads, from 1 on.
        check: Called before each item is begun; what it raises ends the iteration, such as a cancellation.

    Raises:
        BaseException: What ``items`` or ``check`` raise, and what ``work`` raises that is no ``Exception``.
    """
    pool = ThreadPoolExecutor(max_workers=workers, thread_name_prefix="plugbus-parallel")
    waiting: deque[tuple[T, Future[R]]] = deque()
    try:
        for item in items:
            if check is not None:
                check()
            waiting.append((item, pool.submit(copy_context().run, work, item)))
            if len(waiting) >= 2 * workers:
                yield _outcome(*waiting.popleft())
        while waiting:
            if check is not None:
                check()
            yield _outcome(*waiting.popleft())
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _outcome(item: T, future: Future[R]) -> Outcome[T, R]:
    try:
        return Outcome(item, future.result())
    except Exception as error:  # noqa: BLE001 - the failure of one item is told, and the others go on
        return Outcome(item, None, error)
