"""Files of data sets: found, checked and downloaded; a local folder plays the home."""

import hashlib
import zipfile
from urllib.error import ContentTooShortError

import keras
import pytest

from recipes.datasets.files import File, locate

CONTENT = b"1,2,3\n"
SHA256 = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
def home(tmp_path):
    folder = tmp_path / "home"
    folder.mkdir()
    (folder / "a.data").write_bytes(CONTENT)
    with zipfile.ZipFile(folder / "a.zip", "w") as archive:
        archive.writestr("Folder/a.data", CONTENT)
        archive.writestr("a.names", b"names")
    return folder


def file(home=None, archive=None, sha256=SHA256, member=None, name="uci/a/a.data"):
    url = (home / (archive or "a.data")).as_uri() if home else None
    return File(name, sha256, url, member)


def names_below(folder):
    return sorted(
        str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()
    )


@pytest.mark.parametrize("place", ["uci/a/a.data", "a/a.data", "a.data"])
def test_a_copy_is_found(tmp_path, place):
    path = tmp_path / place
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(CONTENT)
    assert locate(file(), tmp_path) == path


def test_another_content_is_refused(tmp_path):
    (tmp_path / "a.data").write_bytes(b"other")
    other = hashlib.sha256(b"other").hexdigest()
    with pytest.raises(ValueError, match=f"Expected.*{SHA256}.*Received.*{other}"):
        locate(file(), tmp_path)


def test_another_form_of_the_content_is_taken(tmp_path):
    (tmp_path / "a.data").write_bytes(CONTENT)
    wanted = File("uci/a/a.data", "0" * 64, other_sha256=(SHA256,))
    assert locate(wanted, tmp_path).read_bytes() == CONTENT


@pytest.mark.parametrize("archive, member", [(None, None), ("a.zip", "a.data")])
def test_a_file_is_downloaded_once(tmp_path, home, archive, member):
    wanted = file(home, archive, member=member)
    path = locate(wanted, tmp_path / "data")
    assert path.read_bytes() == CONTENT
    (home / (archive or "a.data")).unlink()
    assert locate(wanted, tmp_path / "data") == path
    kept = ["uci/a/a.data", "uci/a/a.zip"] if archive else ["uci/a/a.data"]
    assert names_below(tmp_path / "data") == kept


def test_members_of_one_archive_share_a_download(tmp_path, home):
    locate(file(home, "a.zip", member="a.data"), tmp_path)
    (home / "a.zip").unlink()
    names = hashlib.sha256(b"names").hexdigest()
    wanted = file(home, "a.zip", names, "a.names", "uci/a/a.names")
    assert locate(wanted, tmp_path).read_bytes() == b"names"


@pytest.mark.parametrize("archive, member", [(None, None), ("a.zip", "a.data")])
@pytest.mark.parametrize(
    "error", [ContentTooShortError("stopped", None), KeyboardInterrupt()]
)
def test_an_interrupted_download_leaves_no_file(
    tmp_path, home, monkeypatch, error, archive, member
):
    def half(name, url, cache_dir, cache_subdir):
        with open(f"{cache_dir}/{cache_subdir}/{name}", "wb") as part:
            part.write(CONTENT[:3])
        raise error

    wanted = file(home, archive, member=member)
    expected = KeyboardInterrupt if isinstance(error, KeyboardInterrupt) else ValueError
    with monkeypatch.context() as patch:
        patch.setattr(keras.utils, "get_file", half)
        with pytest.raises(expected):
            locate(wanted, tmp_path / "data")
    assert names_below(tmp_path / "data") == []
    assert locate(wanted, tmp_path / "data").read_bytes() == CONTENT


def test_a_wrong_download_is_not_kept(tmp_path, home):
    (home / "a.data").write_bytes(CONTENT[:3])
    with pytest.raises(ValueError, match=f"Expected.*{SHA256}.*home/a.data"):
        locate(file(home), tmp_path / "data")
    (home / "a.zip").write_bytes((home / "a.zip").read_bytes()[:50])
    with pytest.raises(ValueError, match="something else than a zip archive"):
        locate(file(home, "a.zip", member="a.data"), tmp_path / "data")
    assert names_below(tmp_path / "data") == []


def test_a_killed_download_is_begun_anew(tmp_path, home):
    # Nothing cleans up after a kill: an archive that lacks its end is not taken.
    (tmp_path / "uci/a/.download-x").mkdir(parents=True)
    (tmp_path / "uci/a/.download-x/a.data").write_bytes(CONTENT[:3])
    (tmp_path / "uci/a/a.zip").write_bytes((home / "a.zip").read_bytes()[:50])
    wanted = file(home, "a.zip", member="a.data")
    assert locate(wanted, tmp_path).read_bytes() == CONTENT


@pytest.mark.parametrize("archive, member", [("gone.zip", "a.data"), ("a.zip", "b")])
def test_what_cannot_be_had_says_where_it_belongs(tmp_path, home, archive, member):
    with pytest.raises(ValueError, match="Expected.*Received.*Get it from file:.*put"):
        locate(file(home, archive, member=member), tmp_path / "data")
    with pytest.raises(ValueError, match="the data set's site.*uci/a as a.data"):
        locate(file(), tmp_path / "data")


def test_a_folder_that_cannot_be_written_is_named(tmp_path, home):
    (tmp_path / "uci").write_bytes(b"a file where a folder should be")
    with pytest.raises(ValueError, match="Expected uci/a/a.data in --data-dir"):
        locate(file(home), tmp_path)
