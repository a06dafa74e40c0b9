"""The profiles that ship with boldface, by name."""

from __future__ import annotations

from importlib import resources

from boldface.errors import HeadError

_SHIPPED = resources.files("boldface.profiles") / "shipped"


def names() -> tuple[str, ...]:
    """Return the names of all shipped profiles, sorted."""
    files = _SHIPPED.iterdir() if _SHIPPED.is_dir() else ()
    return tuple(sorted(file.name.removesuffix(".json") for file in files if file.name.endswith(".json")))


def read_shipped(name: str) -> str:
    """Return the content of a shipped profile's file.

    Raises:
        HeadError: There is none of that name.
    """
    if name not in names():
        raise HeadError(
            f"There is no shipped profile {name!r}.",
            f"Choose one of {', '.join(names())}, or give the path of a profile file.",
        )
    return (_SHIPPED / f"{name}.json").read_text(encoding="utf-8")
