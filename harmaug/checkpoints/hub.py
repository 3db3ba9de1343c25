"""Checkpoints from the Hugging Face Hub: read from the local cache, fetched where they are not."""

from __future__ import annotations

import hashlib
import re
import sys
from pathlib import Path

_ID = re.compile(r"(?P<repo>[\w.-]+/[\w.-]+)(@(?P<revision>[\w./-]+))?")
_WEIGHTS = "model.safetensors"


def is_hub_id(name: str) -> bool:
    """Whether it reads ``owner/name`` or ``owner/name@revision``, and is no path that is there."""
    return (
        _ID.fullmatch(name) is not None and not name.startswith(".") and _owner_is_no_folder(name)
    )


def fetch(name: str) -> Path:
    """Weights of a Hub repository that holds ``model.safetensors`` and its card ``model.json``.

    What was fetched once is not asked for again, so that a training on a machine without a network
    goes on; another ``@revision`` is another name. After a download the sha256 is printed.

    Args:
        name: ``owner/name``, or ``owner/name@revision`` with a branch, tag or commit.

    Returns:
        The weights' path in the Hub's cache; the card lies beside it.
    """
    try:
        from huggingface_hub import hf_hub_download
        from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError
    except ImportError:
        raise ImportError(
            f"{name} is no file or folder; to load it from the Hugging Face Hub, "
            "pip install 'harmaug[hub]'."
        ) from None
    match = _ID.fullmatch(name)
    assert match is not None
    repo, revision = match["repo"], match["revision"]
    wanted = ("model.json", _WEIGHTS)
    try:
        for file in wanted:
            path = hf_hub_download(repo, file, revision=revision, local_files_only=True)
        return Path(path)
    except LocalEntryNotFoundError:
        pass
    try:
        for file in wanted:
            path = hf_hub_download(repo, file, revision=revision)
    except (HfHubHTTPError, LocalEntryNotFoundError, OSError) as error:
        reason = str(error).strip().splitlines()[0]
        raise ValueError(
            f"unknown checkpoint {name!r}: neither a file or folder that exists nor to be had from "
            f"the Hugging Face Hub, where {repo} must hold {' and '.join(wanted)}: {reason}"
        ) from None
    digest = hashlib.sha256(Path(path).read_bytes()).hexdigest()
    print(f"harmaug: fetched {name}: {_WEIGHTS}, sha256 {digest}", file=sys.stderr)
    return Path(path)


def _owner_is_no_folder(name: str) -> bool:
    """Whoever has a folder of the owner's name has misspelt a path in it."""
    return not Path(name).parent.is_dir()
