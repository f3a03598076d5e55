"""Files of data sets: found in a folder, checked, otherwise downloaded."""

import hashlib
import shutil
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path, PurePosixPath


@dataclass(frozen=True)
class File:
    """A file of a data set.

    Attributes:
        name: where it lies under the data folder, with slashes; a copy may lie higher
            up: "uci/iris/iris.data" is also found as iris/iris.data and iris.data.
        sha256: hexadecimal hash of its content.
        url: its address; None where it can only be put there by hand.
        member: its name in the zip archive at `url`, without folders; None where `url`
            is the file itself.
        other_sha256: hashes of copies in another form that are as good.
    """

    name: str
    sha256: str
    url: str | None = None
    member: str | None = None
    other_sha256: tuple[str, ...] = ()


def locate(file, data_dir):
    """Returns the path of a file whose content is known to be right.

    Args:
        file: a `File`.
        data_dir: folder that may hold it; a download is put there too.
    """
    parts = PurePosixPath(file.name).parts
    places = [Path(data_dir, *parts[start:]) for start in range(len(parts))]
    for place in places:
        if place.is_file():
            return _checked(file, place, place)
    if file.url is None:
        raise _missing(file, places[0], "no such file")
    try:
        _fetch(file, places[0])
    except ValueError:
        raise
    except Exception as error:  # keras.utils.get_file raises plain exceptions.
        raise _missing(file, places[0], f"{type(error).__name__}: {error}") from error
    return places[0]


def _fetch(file, target):
    target.parent.mkdir(parents=True, exist_ok=True)
    # The work is done in a folder of its own beside the target, on the same disk: the
    # final rename is atomic, so that a file under its final name is always whole.
    with tempfile.TemporaryDirectory(prefix=".download-", dir=target.parent) as folder:
        if file.member is None:
            part = _download(file.url, Path(folder, target.name))
        else:
            archive = target.parent / PurePosixPath(file.url).name
            if not zipfile.is_zipfile(archive):
                whole = _download(file.url, Path(folder, archive.name))
                if not zipfile.is_zipfile(whole):
                    raise OSError(f"{file.url} sent something else than a zip archive")
                # Kept: other members of the archive need no second download.
                whole.replace(archive)
            part = _extract(archive, file.member, Path(folder, target.name))
        _checked(file, part, file.url).replace(target)


def _download(url, target):
    # Imported here: recipes choose the backend before anything imports Keras.
    import keras

    # get_file itself writes under the final name, hence the folder above.
    path = keras.utils.get_file(
        target.name, url, cache_dir=str(target.parent), cache_subdir="."
    )
    return Path(path)


def _extract(archive, member, target):
    with zipfile.ZipFile(archive) as file:
        for name in file.namelist():
            if PurePosixPath(name).name == member:
                with file.open(name) as source, open(target, "wb") as sink:
                    shutil.copyfileobj(source, sink)
                return target
        raise OSError(f"{archive} has no member {member}, only {file.namelist()}")


def _checked(file, path, source):
    with open(path, "rb") as content:
        received = hashlib.file_digest(content, "sha256").hexdigest()
    if received not in (file.sha256, *file.other_sha256):
        raise ValueError(
            f"Expected a file with SHA-256 {file.sha256} for {file.name}. Received: "
            f"{source}, whose SHA-256 is {received}. Delete it if it is a local copy, "
            "so that it is downloaded anew, or put a right copy in its place."
        )
    return path


def _missing(file, place, reason):
    home = file.url or "the data set's site"
    inside = f", where it is called {file.member}," if file.member else ""
    return ValueError(
        f"Expected {file.name} in --data-dir, as {place}, or a network to download "
        f"it. Received: neither ({reason}). Get it from {home}{inside} and put it "
        f"into the folder {place.parent} as {place.name}."
    )
