"""What pushing anything to the Hub has in common: a token that may write, one commit, errors in a line.

The token is huggingface_hub's own: ``HF_TOKEN``, or ``hf auth login``; here it is only asked whether there is one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi, constants, get_token
from huggingface_hub.errors import HfHubHTTPError, HFValidationError
from huggingface_hub.utils import validate_repo_id

from steeldefectx.data.download import HUB_ERRORS
from steeldefectx.errors import ConfigError, DataError, SteelDefectXError


def push_files(
    files: Mapping[str, Path | bytes],
    repo_id: str,
    repo_type: str,
    is_ours: Callable[[str], bool],
    *,
    public: bool = False,
) -> str:
    """Make a repository hold some files, in one commit.

    The commit is the last request: a push that breaks off leaves the repository as it was, and what had arrived of
    large files is not sent again. Files that equal the repository's make no commit.

    Args:
        files: Path in the repository -> file or content.
        repo_id: ``OWNER/NAME``; made if it does not exist.
        repo_type: ``model`` or ``dataset``.
        is_ours: Whether a path is one that an earlier push may have written: it is deleted if ``files`` lacks it.
        public: Whether a new repository can be seen by everyone; one that exists stays as it is.

    Returns:
        The repository's address.

    Raises:
        ConfigError: No token, one that may not write there, or a wrong repository id.
        DataError: A card with a header that the Hub does not take, or a file that cannot be read.
        SteelDefectXError: The Hub cannot be reached or refuses.
    """
    check_repo_id(repo_id)
    _check_token()
    api = HfApi()
    try:
        api.create_repo(repo_id, repo_type=repo_type, private=not public, exist_ok=True)
        # create_commit, as upload_folder would spread a large folder over several commits.
        head = api.repo_info(repo_id, repo_type=repo_type)
        there = {entry.path for entry in api.list_repo_tree(repo_id, recursive=True, repo_type=repo_type)}
        stale = sorted(path for path in there - set(files) if is_ours(path))
        api.create_commit(
            repo_id,
            [*(CommitOperationDelete(path) for path in stale), *(CommitOperationAdd(p, f) for p, f in files.items())],
            commit_message=f"Push {len(files)} files with steeldefectx",
            repo_type=repo_type,
            parent_commit=head.sha,
        )
    except HUB_ERRORS as error:
        raise _explained(error, repo_id) from error
    except ValueError as error:  # around the Hub's answer to the card
        if not isinstance(error.__cause__, HUB_ERRORS):
            raise
        raise DataError(f"{repo_id}: the Hub does not take the card: {' '.join(str(error).split())}") from error
    except RuntimeError as error:  # around what went wrong while a large file was sent
        if not isinstance(error.__cause__, HUB_ERRORS):
            raise
        raise _explained(error.__cause__, repo_id) from error
    return f"{constants.ENDPOINT}/{'datasets/' if repo_type == 'dataset' else ''}{repo_id}"


def check_may_push(repo_id: str) -> None:
    """See that a later push can succeed, without changing anything: the id, the token, its owner and role.

    Raises:
        ConfigError: No token, one that may not write there, or a wrong repository id.
        SteelDefectXError: The Hub cannot be reached.
    """
    check_repo_id(repo_id)
    _check_token()
    try:
        who = HfApi().whoami()
    except HUB_ERRORS as error:
        raise _explained(error, repo_id) from error
    owners = {who["name"], *(organization["name"] for organization in who.get("orgs", []))}
    role = who.get("auth", {}).get("accessToken", {}).get("role")
    if repo_id.split("/")[0] not in owners or role == "read":
        raise _no_right(repo_id)


def check_repo_id(repo_id: str) -> None:
    """Refuse what is not ``OWNER/NAME``.

    Raises:
        ConfigError: It is not.
    """
    try:
        validate_repo_id(repo_id)
        if repo_id.count("/") != 1:
            raise HFValidationError("it has no owner")
    except HFValidationError as error:
        raise ConfigError(f"{repo_id!r} is no repository id: write OWNER/NAME ({error})") from error


def _check_token() -> None:
    if get_token() is None:
        raise ConfigError("No Hub token: set HF_TOKEN or run `hf auth login`, then push again.")


def _no_right(repo_id: str) -> ConfigError:
    return ConfigError(f"{repo_id}: the token may not write there. Take one with write access, or another owner.")


def _explained(error: BaseException, repo_id: str) -> SteelDefectXError:
    """What went wrong in a request, in one line; never with the token, which only headers carry."""
    if isinstance(error, OSError) and error.filename:
        return DataError(f"{error.filename}: cannot be read ({error.strerror}). Nothing was changed.")
    if not isinstance(error, HfHubHTTPError):
        why = f"{type(error).__name__}: {error}".splitlines()[0]
        return SteelDefectXError(
            f"{repo_id}: no connection to {constants.ENDPOINT} ({why}). Nothing was changed; push again."
        )
    status = error.response.status_code
    if status == 401:
        return ConfigError(f"{repo_id}: the Hub does not accept the token. Set HF_TOKEN, or run `hf auth login`.")
    if status == 403:
        return _no_right(repo_id)
    why = error.server_message or str(error).splitlines()[0]
    return SteelDefectXError(f"{repo_id}: the Hub refused ({status}: {why}). Nothing was changed; push again.")
