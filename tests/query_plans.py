"""How a store finds what it is asked for: the steps of its plans, a line each."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Engine, event


@contextmanager
def planned(engine: Engine) -> Iterator[list[str]]:
    """The steps of every statement that is executed within, once it is left.

    PostgreSQL is told to read no table from end to end where anything else will do: of the few rows of a test
    it would read all, whatever indexes there are.
    """
    asked: dict[str, Any] = {}
    steps: list[str] = []

    def note(_c: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        if statement.lstrip().startswith(("SELECT", "WITH", "UPDATE", "DELETE")):
            asked[statement] = parameters

    event.listen(engine, "before_cursor_execute", note)
    try:
        yield steps
    finally:
        event.remove(engine, "before_cursor_execute", note)
    is_sqlite = engine.dialect.name == "sqlite"
    with engine.connect() as db:
        if not is_sqlite:
            db.exec_driver_sql("SET LOCAL enable_seqscan = off")
        for statement, parameters in asked.items():
            explain = f"EXPLAIN {'QUERY PLAN ' if is_sqlite else ''}{statement}"
            steps += [str(row[-1]) for row in db.exec_driver_sql(explain, parameters)]
