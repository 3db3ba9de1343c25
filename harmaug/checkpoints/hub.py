"""Checkpoints of the Hugging Face Hub: read from the local cache, downloaded if not there."""

from __future__ import annotations

import contextlib
import hashlib
import re
import sys
from pathlib import Path

_ID = re.compile(r"(?P<repo>[\w.-]+/[\w.-]+)(@(?P<revision>[\w./-]+))?")
_FILES = ("model.json", "model.safetensors")  # the weights last


def is_hub_id(name: str) -> bool:
    """Return whether a name reads ``owner/name`` or ``owner/name@revision`` and is not a path."""
    # A name below a folder that exists is a path with a spelling mistake.
    return bool(_ID.fullmatch(name)) and not name.startswith(".") and not Path(name).parent.is_dir()


def fetch(name: str) -> Path:
    """Return the weights of a Hub repository that holds ``model.safetensors`` and ``model.json``.

    A checkpoint is downloaded once and then read from the cache, so that a training runs on a
    machine without a network; another ``@revision`` (branch, tag or commit) is another checkpoint.
    After a download the sha256 is printed.
    """
    try:
        from huggingface_hub import hf_hub_download
        from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError
    except ImportError:
        raise ImportError(
            f"{name} is not a file or folder; to load it from the Hugging Face Hub, "
            "pip install 'harmaug[hub]'."
        ) from None
    match = _ID.fullmatch(name)
    assert match is not None
    repo, revision = match["repo"], match["revision"]

    def download(local: bool) -> Path:
        for file in _FILES:
            path = hf_hub_download(repo, file, revision=revision, local_files_only=local)
        return Path(path)

    with contextlib.suppress(LocalEntryNotFoundError):
        return download(local=True)
    try:
        path = download(local=False)
    except (HfHubHTTPError, LocalEntryNotFoundError, OSError) as error:
        reason = str(error).strip().splitlines()[0]
        raise ValueError(
            f"unknown checkpoint {name!r}: there is no such file or folder, and no such model on "
            f"the Hugging Face Hub, where {repo} must hold {' and '.join(_FILES)}: {reason}"
        ) from None
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    print(f"harmaug: downloaded {name}: {path.name}, sha256 {digest}", file=sys.stderr)
    return path
