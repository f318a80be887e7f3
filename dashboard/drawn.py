"""What is drawn of what was loaded, drawn once for all who look at it.

Loading gives the same object to everybody until it is renewed (see `loading.kept`), so what was drawn of it
is still right for whoever has that object, and nobody else can have it: an owner's objects are its own.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from functools import wraps
from threading import Lock
from typing import Any, ParamSpec, TypeVar

import languages

_P = ParamSpec("_P")
_T = TypeVar("_T")

# Of each kind of drawing: with it what was loaded for it is kept.
_MOST = 32


def once(draw: Callable[_P, _T]) -> Callable[_P, _T]:
    """Keep what `draw` made of its arguments in the language that is spoken; nobody changes what it made.

    It is pure, but for the language. An argument is the same if it is equal, or where it cannot be hashed
    (a list, what has one) if it is the very object.
    """
    kept: OrderedDict[Hashable, tuple[Any, _T]] = OrderedDict()
    lock = Lock()

    @wraps(draw)
    def drawn(*args: _P.args, **kwargs: _P.kwargs) -> _T:
        key = (languages.current(), *map(_identity, args), *map(_identity, kwargs.items()))
        with lock:
            if found := kept.get(key):
                kept.move_to_end(key)
                return found[1]
        made = draw(*args, **kwargs)
        with lock:
            # With the arguments, as long as which are kept no other object has their identity.
            kept[key] = ((args, kwargs), made)
            while len(kept) > _MOST:
                kept.popitem(last=False)
        return made

    return drawn


def _identity(argument: object) -> Hashable:
    if isinstance(argument, tuple):
        return tuple(map(_identity, argument))
    try:
        hash(argument)
    except TypeError:
        return type(argument), id(argument)
    return argument
