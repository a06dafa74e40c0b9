"""The hub: whether it answers, asked once; what its cache holds; and how to say that something is absent."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from boldface.engine.catalogue import EMBEDDED
from boldface.errors import MissingError

_CONFIG = "config.json"


def snapshot(name: str, where: dict[str, Any]) -> str:
    """Return the folder of a repository in the hub's cache; transformers asks the network even when told not to.

    Raises:
        MissingError: The cache does not hold it.
    """
    from huggingface_hub import snapshot_download

    try:
        return str(
            snapshot_download(
                name, revision=where.get("revision"), cache_dir=where.get("cache_dir"), local_files_only=True
            )
        )
    except (OSError, ValueError) as error:
        raise absent(name, "a model", where) from error


def check_there(name: str, where: dict[str, Any]) -> None:
    """Refuse a repository that is not cached when the hub does not have it or does not answer: one request, no retries.

    transformers would ask again and again, for some 20 seconds, before it says so.

    Raises:
        MissingError: The hub does not answer, or has no such repository, revision or model file for this user.
    """
    from huggingface_hub import get_hf_file_metadata, hf_hub_url, try_to_load_from_cache
    from huggingface_hub.errors import EntryNotFoundError, HfHubHTTPError, HFValidationError

    revision, subfolder = where.get("revision"), where.get("subfolder") or None
    file = f"{subfolder}/{_CONFIG}" if subfolder else _CONFIG
    try:
        if isinstance(try_to_load_from_cache(name, file, cache_dir=where.get("cache_dir"), revision=revision), str):
            return
        get_hf_file_metadata(hf_hub_url(name, file, revision=revision), token=where.get("token"))
    except (EntryNotFoundError, HFValidationError) as error:
        raise absent(name, "a model", where) from error
    except HfHubHTTPError as error:
        if error.response.status_code < 500:
            raise absent(name, "a model", where) from error
        raise _silent(name, error) from error
    except Exception as error:  # whatever the hub's client raises without a network, which differs by its version
        raise _silent(name, error) from error


def absent(place: str, what: str, where: dict[str, Any]) -> MissingError:
    """Return the error that says why ``place``, a folder or a repository, gives no ``what`` (``a model``, …)."""
    if Path(place).is_dir():
        return MissingError(f"The folder {place} does not hold {what} that transformers can read.", "Check its files.")
    if where.get("local_files_only"):
        return MissingError(
            f"{place} is not in the hub's cache on this machine ({what}), and the network is switched off.",
            "Allow the network once (offline=False, BOLDFACE_OFFLINE=0), or name a folder.",
        )
    return MissingError(
        f"The hub gives no {what.removeprefix('a ')} for {place!r}"
        + (f" at revision {where['revision']!r}." if "revision" in where else "."),
        f"Check the name, your network and your access; embedded models are {', '.join(EMBEDDED)}.",
    )


def _silent(name: str, error: Exception) -> MissingError:
    return MissingError(
        f"{name!r} is no folder here and not in the hub's cache, and the hub does not answer: {error}",
        f"Check the name and your network; embedded models, which need none, are {', '.join(EMBEDDED)}.",
    )
