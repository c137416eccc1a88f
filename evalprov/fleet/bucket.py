"""Object storage, by its URL: what is asked of it, with bounds, and what went wrong in words."""

from __future__ import annotations

import os
import re
import threading
from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from evalprov.errors import EvalprovError, UsageError
from evalprov.named import NamedTuple
from evalprov.secrets import Scrubber
from evalprov.store.folder import write_all

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

SCHEMES = ("s3", "gs", "az", "file")
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
_FORMS = "s3://BUCKET/FOLDER, gs://BUCKET/FOLDER, az://CONTAINER/FOLDER or file:///FOLDER"
_EXTRA = "pip install '.[remote]' in evalprov's checkout brings it"
_DELETED_AT_ONCE = 500
_LISTED_AT_ONCE = 1000
_LONGEST = 300  # of what a service says
_KEYS = (
    "its keys come from the environment or the machine, as AWS_ACCESS_KEY_ID or AWS_PROFILE; see `evalprov help team`"
)
# What decides, beside the URL, which store it is.
_ENDPOINTS = (
    "AWS_ENDPOINT_URL",
    "AWS_ENDPOINT",
    "AWS_ENDPOINT_URL_S3",
    "AZURE_STORAGE_ACCOUNT_NAME",
    "AZURE_STORAGE_ENDPOINT",
    "GOOGLE_BASE_URL",
)


_NOISE = (
    re.compile(r"^(?:Generic \w+ error: )?(?:Error performing .*? in [\d.]+\S+(?:, after \d+ retries[^-]*)? - )?"),
    re.compile(r"Error performing \w+ request: |Server returned non-2xx status code: |HTTP error: |<.*"),
)


class BucketError(EvalprovError):
    """A store cannot be asked, or would not answer."""


class Patience(NamedTuple):
    """How long a store is waited for."""

    connect: float
    silence: float  # until it says anything more
    request: float  # for one whole request; large things are sent and fetched in parts
    retries: int
    retrying: float


# A store that is not there is known soon, for something is asked first; a slow line is given its time.
_ASKING = Patience(2.0, 4.0, 60.0, 2, 3.0)
_FETCHING = Patience(2.0, 10.0, 600.0, 3, 15.0)
_PUTTING = Patience(3.0, 30.0, 300.0, 4, 30.0)


class StoredObject(NamedTuple):
    """One thing there is."""

    name: str  # without its folder
    size: int


def is_url(text: str) -> bool:
    """Say whether a store is named by a URL and not by a folder."""
    return _URL.match(text) is not None


def checked_url(text: str) -> str:
    """Return a store's URL in one spelling, or refuse it; what may be a password in it is not repeated."""
    scheme, _, rest = text.partition("://")
    if scheme.lower() not in SCHEMES:
        raise UsageError(f"a shared store's URL cannot begin with {scheme}://", f"give {_FORMS}")
    if "@" in rest.partition("/")[0] or "?" in rest or "#" in rest:
        raise UsageError(
            f"a shared store's {scheme}:// URL must have no user, password, ? or # in it",
            "keys are taken from the environment or the machine, never from a URL, for that is written down",
        )
    try:
        parts = urlsplit(text)
    except ValueError:
        raise UsageError(f"not a URL: {scheme}://...", f"give {_FORMS}") from None
    path = unquote(parts.path) if scheme.lower() == "file" else parts.path
    bare = re.sub(r"/+", "/", path).rstrip("/")
    is_there = bare if scheme.lower() == "file" else parts.netloc
    if not is_there or (scheme.lower() == "file" and parts.netloc) or ".." in bare.split("/") or not rest.isprintable():
        raise UsageError(f"not the URL of a shared store: {text!a}", f"give {_FORMS}")
    return f"{scheme.lower()}://{parts.netloc}{bare}"


def store_key(url: str) -> str:
    """Return what stands for a store in a file's name: the same URL at another endpoint is another store."""
    import hashlib

    ends = [f"{name}={_less_password(os.environ[name])}" for name in _ENDPOINTS if os.environ.get(name)]
    ours = [] if url.startswith("file://") else ends
    return hashlib.sha256("\n".join((url, *ours)).encode("utf-8", "surrogateescape")).hexdigest()[:16]


class Bucket:
    """One store."""

    def __init__(self, url: str) -> None:
        self.url = checked_url(url)
        self.bytes_sent = self.bytes_fetched = 0
        self.asked: dict[str, int] = {}  # requests, by kind; a list of many takes some more
        self._counting = threading.Lock()
        try:
            import obstore
        except ImportError:
            raise EvalprovError("a shared store needs the package obstore", _EXTRA) from None
        self._do: Any = obstore
        self._errors = (obstore.exceptions.BaseError, OSError, ValueError, TypeError, RuntimeError)
        self._opened: dict[Patience, Any] = {}

    def _store(self, patience: Patience) -> Any:
        """Return what the library has of it, made once it is asked: a folder may be gone."""
        if patience not in self._opened:
            self._opened[patience] = self._open(patience)
        return self._opened[patience]

    def _open(self, patience: Patience) -> Any:
        from obstore.store import LocalStore, from_url

        if self.url.startswith("file://"):
            folder = self.url.removeprefix("file://")
            if not os.path.isdir(folder):  # never made: it may be a share that is not mounted
                raise BucketError(f"there is no folder {folder}", "is it mounted? a new store needs one: mkdir")
            return LocalStore(folder)
        options: Any = {
            "connect_timeout": timedelta(seconds=patience.connect),
            "read_timeout": timedelta(seconds=patience.silence),
            "timeout": timedelta(seconds=patience.request),
            "allow_http": True,  # an endpoint that is not encrypted is named by the user's own environment alone
        }
        retry: Any = {"max_retries": patience.retries, "retry_timeout": timedelta(seconds=patience.retrying)}
        try:
            return from_url(self.url, client_options=options, retry_config=retry)
        except self._errors as error:
            raise self._problem(error, "cannot use") from None

    def list(self, folder: str, after: str = "", beginning: str = "") -> Iterator[StoredObject]:
        """Yield what is in a folder, in the order of names where the store has one.

        Only names beyond `after`; and, of a store in order, no further than those that begin so.
        """
        self._count("list")
        ordered = not self.url.startswith("file://")
        offset = f"{folder}/{after or beginning}" if after or beginning else None
        store = self._store(_ASKING)
        try:
            for chunk in self._do.list(store, folder, offset=offset, chunk_size=_LISTED_AT_ONCE):
                for one in chunk:
                    name = one["path"].removeprefix(f"{folder}/")
                    if beginning and not name.startswith(beginning):
                        if ordered and name > beginning:
                            return
                        continue
                    if "/" not in name:
                        yield StoredObject(name, one["size"])
        except FileNotFoundError as error:
            if ordered:
                raise self._problem(error, "cannot list") from None
        except self._errors as error:
            raise self._problem(error, "cannot list") from None

    def has(self, key: str) -> bool:
        """Say whether there is such a thing."""
        self._count("head")
        store = self._store(_ASKING)
        try:
            self._do.head(store, key)
        except FileNotFoundError:
            return False
        except self._errors as error:
            raise self._problem(error, "cannot ask") from None
        return True

    def get(self, key: str, largest: int) -> bytes | None:
        """Return what a key holds; null where there is no such thing. One too large is refused."""
        pieces: list[bytes] = []
        return b"".join(pieces) if self._fetch(key, largest, pieces.append) else None

    def fetch(self, key: str, fd: int, largest: int) -> bool:
        """Write what a key holds into a file; say whether there is such a thing."""
        return self._fetch(key, largest, lambda piece: write_all(fd, piece))

    def _fetch(self, key: str, largest: int, take: Callable[[bytes], object]) -> bool:
        self._count("get")
        store = self._store(_FETCHING)
        try:
            found = self._do.get(store, key)
            if found.meta["size"] <= largest:
                for piece in found.stream():
                    data = bytes(piece)
                    self._count("get", 0, fetched=len(data))
                    take(data)
                return True
        except FileNotFoundError:
            return False
        except self._errors as error:
            raise self._problem(error, "cannot fetch", key) from None
        raise BucketError(f"{key} in {self.url} is larger than {largest >> 20} MB: it is none of ours")

    def put(self, key: str, data: bytes | str) -> None:
        """Have a key hold these bytes, or those of the file of this path: whole, or not at all."""
        self._count("put")
        store = self._store(_PUTTING)
        try:
            if isinstance(data, bytes):
                self._count("put", 0, sent=len(data))
                self._do.put(store, key, data)
            else:
                self._count("put", 0, sent=os.path.getsize(data))
                with open(os.open(data, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
                    self._do.put(store, key, file)
        except self._errors as error:
            raise self._problem(error, "cannot put", key) from None

    def delete(self, keys: Sequence[str]) -> None:
        """Take things away; what is not there is no fault."""
        store = self._store(_PUTTING)
        for begin in range(0, len(keys), _DELETED_AT_ONCE):
            some = keys[begin : begin + _DELETED_AT_ONCE]
            self._count("delete", len(some))
            try:
                self._do.delete(store, some)
            except FileNotFoundError:
                self._delete_each(some)
            except self._errors as error:
                raise self._problem(error, "cannot delete in") from None

    def _delete_each(self, keys: Iterable[str]) -> None:
        for key in keys:
            with suppress(FileNotFoundError):
                self._do.delete(self._store(_PUTTING), key)

    def _count(self, kind: str, number: int = 1, *, sent: int = 0, fetched: int = 0) -> None:
        with self._counting:
            self.asked[kind] = self.asked.get(kind, 0) + number
            self.bytes_sent += sent
            self.bytes_fetched += fetched

    def _problem(self, error: Exception, what: str, key: str = "") -> BucketError:
        """Return what went wrong, in words that hold no key and no password."""
        kind = type(error).__name__
        where = f"{key} in {self.url}" if key else self.url
        if isinstance(error, OSError) and error.strerror:
            said = error.strerror
        elif kind in ("PermissionDeniedError", "UnauthenticatedError"):
            return BucketError(f"{what} {where}: access is denied", _KEYS)
        else:
            said = _first_words(str(error))
            if "403 Forbidden" in said or "401 Unauthorized" in said:
                return BucketError(f"{what} {where}: access is denied: {Scrubber(os.environ).text(said)}", _KEYS)
        hint = _KEYS if "redential" in said or "instance metadata" in said else ""
        return BucketError(f"{what} {where}: {Scrubber(os.environ).text(said)}", hint)


def _first_words(text: str) -> str:
    """Return what an error of the library says, less its addresses and what is for its makers."""
    said = next(
        (line for line in text.replace("Debug source:", "\n").splitlines() if line.strip()), "it gives no reason"
    )
    code = re.search(r"<Code>(\w+)</Code>", text)
    for noise in _NOISE:
        said = noise.sub("", said)
    said = re.sub(r"https?://\S+", "its server", said).strip(" :")[:_LONGEST]
    return f"{said} ({code[1]})" if code else said


def _less_password(endpoint: str) -> str:
    return re.sub(r"//[^/@]*@", "//", endpoint)
