"""`manage.py backup` and `restore`: both stores in one archive, with a manifest, verified both ways.

The archive is a .tar.gz of `manifest.json` and one file for each store: an SQLite file, or a script for
PostgreSQL. It holds hashes of passwords and keys, so only its owner may read it.
"""

from __future__ import annotations

import hashlib
import json
import os
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from db import migrate
from db.engine import make_engine
from db.models import Base
from management.store_copies import BackupError, Counts, StoreCopy, store_copy
from ocpp_backend.engine import create_tables, open_engine
from ocpp_backend.tables import metadata as backend_metadata
from settings import Settings

__all__ = ["BackupError", "back_up", "restore"]

_FORMAT = 1
_MANIFEST = "manifest.json"
_PRODUCT, _BACKEND = "product", "backend"


@dataclass(frozen=True)
class Part:
    """One store in the archive. `schema` is the revision of the product's store."""

    kind: str
    file: str
    sha256: str
    rows: Counts
    schema: str | None = None


def back_up(settings: Settings, path: Path) -> Iterator[str]:
    """Write the archive at `path`, saying what is in it. Raises `BackupError`."""
    if path.exists():
        raise BackupError(f"{path} is there already; a backup never overwrites a file.")
    with _folder_beside(path) as folder:
        parts: dict[str, Part] = {}
        # The backend first: an event that it delivers in between is then in the product's copy, and perhaps
        # in the outbox of the other one as well, to be recognised when it comes again.
        for name, store in reversed(_stores(settings).items()):
            if not store.exists():
                yield f"{name}: there is no such store here, so it is left out"
                continue
            parts[name] = _copied(settings, name, store, folder)
            yield f"{name}: {_told(parts[name].rows)}"
        if _PRODUCT not in parts:
            raise BackupError("There is no store to back up; is DATABASE_URL right?")
        written = folder / "archive"
        _pack(written, folder, parts)
        _verify_packed(written)
        written.replace(path)
    yield f"Wrote {path} ({path.stat().st_size:,} bytes), and read it back whole."


def restore(settings: Settings, path: Path, *, replace: bool) -> Iterator[str]:
    """Bring the stores back from the archive at `path`, saying what is in them. Raises `BackupError`.

    Everything is checked before anything is touched.
    """
    parts = _read_manifest(path)
    stores = {name: store for name, store in _stores(settings).items() if name in parts}
    _check_schema(parts[_PRODUCT])
    for name, store in stores.items():
        _check_may_replace(name, store, parts[name], replace=replace)
    with _folder_beside(path) as folder:
        _unpack(path, folder, parts)
        for name, store in stores.items():
            store.check(folder / parts[name].file)
        for name, store in stores.items():
            before = store.put(folder / parts[name].file, list(parts[name].rows))
            found = store.counts()
            if found != parts[name].rows:
                raise BackupError(
                    f"The {name} store has other rows than the backup: {_told(found)}; {before}."
                )
            yield f"{name}: {_told(found)}; {before}"
    _bring_up_to_date(settings, parts)
    yield (
        "Both have this version's schema. Start the processes again."
        if len(parts) > 1
        else ("It has this version's schema. Start the processes again.")
    )


def _stores(settings: Settings) -> dict[str, StoreCopy]:
    return {
        _PRODUCT: store_copy(settings.database_url, [*Base.metadata.tables, "alembic_version"]),
        _BACKEND: store_copy(settings.ocpp_backend_database_url, list(backend_metadata.tables)),
    }


def _copied(settings: Settings, name: str, store: StoreCopy, folder: Path) -> Part:
    copy = folder / f"{name}.{'db' if store.kind == 'sqlite' else 'dump'}"
    rows = store.write(copy)
    store.check(copy)
    schema = _schema_of(settings) if name == _PRODUCT else None
    return Part(store.kind, copy.name, _digest(copy), rows, schema)


def _schema_of(settings: Settings) -> str | None:
    engine = make_engine(settings.database_url)
    try:
        return migrate.revision(engine)
    finally:
        engine.dispose()


def _pack(archive: Path, folder: Path, parts: dict[str, Part]) -> None:
    manifest = {
        "format": _FORMAT,
        "made_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "stores": {name: asdict(part) for name, part in parts.items()},
    }
    (folder / _MANIFEST).write_text(json.dumps(manifest, indent=2))
    handle = os.open(archive, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as file, tarfile.open(fileobj=file, mode="w:gz", compresslevel=6) as packed:
        for name in (_MANIFEST, *(part.file for part in parts.values())):
            packed.add(folder / name, arcname=name)
        packed.close()
        file.flush()
        os.fsync(file.fileno())


def _verify_packed(archive: Path) -> None:
    """Read the archive from the disk again, as a restore would."""
    with tempfile.TemporaryDirectory(dir=archive.parent) as folder:
        _unpack(archive, Path(folder), _read_manifest(archive))


def _read_manifest(path: Path) -> dict[str, Part]:
    try:
        with tarfile.open(path, "r:gz") as packed:
            member = packed.extractfile(_MANIFEST)
            manifest = json.loads(member.read()) if member else {}
        if manifest["format"] != _FORMAT:
            raise BackupError(f"{path} was written by a newer version; restore it with that one.")
        parts = {name: Part(**part) for name, part in manifest["stores"].items()}
        parts[_PRODUCT]
    except FileNotFoundError:
        raise BackupError(f"There is no {path}.") from None
    except (tarfile.TarError, OSError, EOFError, KeyError, TypeError, ValueError) as error:
        raise BackupError(f"{path} is no backup of ours, or damaged: {error}") from error
    return parts


def _unpack(path: Path, folder: Path, parts: dict[str, Part]) -> None:
    try:
        with tarfile.open(path, "r:gz") as packed:
            for part in parts.values():
                packed.extract(part.file, folder, filter="data")
    except (tarfile.TarError, OSError, EOFError, KeyError) as error:
        raise BackupError(f"{path} is damaged: {error}") from error
    for part in parts.values():
        if _digest(folder / part.file) != part.sha256:
            raise BackupError(f"{path} is damaged: {part.file} is not what was written.")


def _check_schema(part: Part) -> None:
    if part.schema is not None and not migrate.knows(part.schema):
        raise BackupError(f"This version does not know the backup's schema ({part.schema}): it is older.")


def _check_may_replace(name: str, store: StoreCopy, part: Part, *, replace: bool) -> None:
    if store.kind != part.kind:
        raise BackupError(f"The backup's {name} store is {part.kind}, the one configured here {store.kind}.")
    if used := store.users():
        raise BackupError(f"The {name} store is in use ({used}): end the processes first.")
    rows = sum(count for table, count in store.counts().items() if table != "alembic_version")
    if rows and not replace:
        raise BackupError(f"The {name} store is not empty ({rows:,} rows); --replace replaces it.")


def _bring_up_to_date(settings: Settings, parts: dict[str, Part]) -> None:
    engine = make_engine(settings.database_url)
    migrate.upgrade(engine)
    engine.dispose()
    if _BACKEND in parts:
        engine = open_engine(settings.ocpp_backend_database_url)
        create_tables(engine, datetime.now(UTC))
        engine.dispose()


@contextmanager
def _folder_beside(path: Path) -> Iterator[Path]:
    """A folder that only we can enter, on the disk where the file is, so that it can be moved there."""
    try:
        with tempfile.TemporaryDirectory(dir=path.absolute().parent, prefix=".backup-") as folder:
            yield Path(folder)
    except FileNotFoundError as error:
        raise BackupError(f"{path.absolute().parent} is no folder that can be written to.") from error


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _told(rows: Counts) -> str:
    largest = sorted(rows.items(), key=lambda item: -item[1])[:4]
    told = ", ".join(f"{count:,} {name}" for name, count in largest if count)
    count = sum(rows.values())
    return f"{count:,} row{'' if count == 1 else 's'} in {len(rows)} tables" + (f" ({told})" if told else "")
