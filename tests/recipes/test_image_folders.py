"""Images in folders: what is found, what is refused, and how they are cropped."""

import shutil
import sys
import types

import numpy as np
import pytest

from recipes.datasets import image_folders, image_streams
from recipes.shared.shares import WHOLE, Share
from tests.recipes.photos import write_photos

tf = pytest.importorskip("tensorflow")
Image = pytest.importorskip("PIL.Image")


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    return write_photos(tmp_path_factory.mktemp("photos"))


def test_a_folder_is_found(photos):
    images = image_folders.from_folders(photos)
    assert (images.train.size, images.test.size, images.num_classes) == (16, 6, 2)
    labels = [int(label) for _, label in images.test.rows()]
    assert labels == [0, 0, 0, 1, 1, 1], "classes in the order of their names"


def test_test_images_are_their_centres(photos):
    images = image_folders.from_folders(photos)
    (first, labels), (last, _) = image_streams.test_batches(images.test, 48, 4)
    assert first.shape == (4, 48, 48, 3) and last.shape == (2, 48, 48, 3)
    assert first.dtype == "float32" and labels.dtype == "int32"
    photo = Image.open(photos / "val" / "flower" / "0.jpg")
    side = round(min(photo.size) * 224 / 256)
    left, top = ((length - side) // 2 for length in photo.size)
    part = photo.crop((left, top, left + side, top + side))
    expected = np.asarray(part.resize((48, 48), Image.Resampling.BILINEAR)) / 255
    # Pillow rounds to integers, and decoders of JPEG differ by a grey level or two.
    np.testing.assert_allclose(first[0], expected, atol=0.03)


def test_random_crops_follow_the_seed(photos):
    part = image_folders.from_folders(photos).train

    def batches(seed):
        stream = image_streams.train_batches(part, 32, 4, seed, range(8))
        return [(np.array(x), np.array(y)) for x, y in stream]

    first, again, other = batches(0), batches(0), batches(1)
    for (x, y), (x_again, y_again) in zip(first, again, strict=True):
        assert x.shape == (4, 32, 32, 3) and 0 <= x.min() < x.max() <= 1
        np.testing.assert_array_equal(x, x_again)
        np.testing.assert_array_equal(y, y_again)
    assert not np.array_equal(first[0][0], other[0][0])
    passes = [np.concatenate([x for x, _ in first[i : i + 4]]) for i in (0, 4)]
    assert len(np.unique(np.concatenate(passes), axis=0)) == 32, "every crop is new"
    for i in (0, 4):
        counts = np.bincount(np.concatenate([y for _, y in first[i : i + 4]]))
        assert counts.tolist() == [8, 8], "every pass has every image"


def test_a_stream_begins_where_another_one_ended(photos):
    part = image_folders.from_folders(photos).train
    # Three images a batch: a batch has images of two passes.
    whole = list(image_streams.train_batches(part, 32, 3, 5, range(12)))
    for start in (0, 4, 6, 11):
        rest = image_streams.train_batches(part, 32, 3, 5, range(start, 12))
        for (x, y), (same_x, same_y) in zip(rest, whole[start:], strict=False):
            np.testing.assert_array_equal(x, same_x)
            np.testing.assert_array_equal(y, same_y)


def test_what_a_stream_leaves_out_is_not_read(photos, tmp_path):
    images = image_folders.from_folders(photos)
    alone = tmp_path / "photos"
    shutil.copytree(photos, alone)
    part = image_folders.from_folders(alone).train

    def rows_from(start):
        steps = range(start, images.train.size // 2)
        return [row for _, row in part.numbered(0, steps, 2, WHOLE)]

    first, rest = rows_from(0), rows_from(3)
    assert len(first) == images.train.size and len(rest) == len(first) - 6
    contents = {content.numpy() for content, _ in first[:6]}
    for path in alone.rglob("*"):
        if path.is_file() and path.read_bytes() in contents:
            path.unlink()
    again = rows_from(3)
    assert [int(label) for _, label in again] == [int(label) for _, label in rest]


def test_a_crop_of_a_ramp_is_a_part_of_it_perhaps_mirrored():
    ramp = np.repeat(np.arange(200, dtype="uint8")[None], 100, axis=0)
    image = tf.io.encode_png(np.repeat(ramp[..., None], 3, axis=-1))
    mirrored, widths = [], []
    for number in range(40):
        crop = np.array(image_streams.random_crop(image, (0, number), 16)) * 255
        across = crop[8, :, 0]
        slopes = np.diff(across)
        assert (slopes > 0).all() or (slopes < 0).all()
        mirrored.append(slopes[0] < 0)
        widths.append(abs(across[-1] - across[0]) * 16 / 15)
    assert 8 < sum(mirrored) < 32
    # 8 % at 3:4 is 35 wide, 100 % at 4:3 is 133.
    assert 30 < min(widths) < 80 and 100 < max(widths) < 137


@pytest.mark.parametrize("part", ["train", "val"])
def test_a_missing_folder_is_named(tmp_path, photos, part):
    if part == "val":
        (tmp_path / "train").symlink_to(photos / "train")
    with pytest.raises(
        ValueError, match=f"{part}. Received: no classes.*image-net.org"
    ):
        image_folders.from_folders(tmp_path)


def test_classes_without_images_and_unknown_classes_are_named(tmp_path, photos):
    (tmp_path / "train").symlink_to(photos / "train")
    (tmp_path / "val" / "tempel").mkdir(parents=True)
    with pytest.raises(ValueError, match="Received: no images in tempel"):
        image_folders.from_folders(tmp_path)
    Image.new("RGB", (40, 40)).save(tmp_path / "val" / "tempel" / "0.png")
    with pytest.raises(ValueError, match="Received: 1 others, tempel"):
        image_folders.from_folders(tmp_path)


def fake_tfds(photos, prepare):
    """As much of TensorFlow Datasets as is used, with the photos as ImageNet."""
    images = image_folders.from_folders(photos)
    parts = {"train": images.train, "validation": images.test}
    builder = types.SimpleNamespace(
        download_and_prepare=prepare,
        as_dataset=lambda split, **options: parts[split].rows(),
        info=types.SimpleNamespace(
            features={"label": types.SimpleNamespace(num_classes=1000)},
            splits={
                name: types.SimpleNamespace(num_examples=part.size)
                for name, part in parts.items()
            },
        ),
    )
    return types.SimpleNamespace(
        builder=lambda name, data_dir: builder,
        ReadConfig=lambda shuffle_seed: shuffle_seed,
        decode=types.SimpleNamespace(SkipDecoding=lambda: None),
    )


def test_imagenet2012_is_read(photos, monkeypatch):
    library = fake_tfds(photos, lambda: None)
    monkeypatch.setitem(sys.modules, "tensorflow_datasets", library)
    images = image_folders.from_tfds(photos)
    assert (images.train.size, images.test.size, images.num_classes) == (16, 6, 1000)
    (x, y), *_ = image_streams.train_batches(images.train, 32, 16, 0, range(1))
    assert x.shape == (16, 32, 32, 3) and sorted(np.array(y)) == [0] * 8 + [1] * 8
    whole, rest = (
        list(image_streams.train_batches(images.train, 32, 16, 0, range(start, 3)))
        for start in (0, 1)
    )
    for (x, y), (same_x, same_y) in zip(rest, whole[1:], strict=True):
        np.testing.assert_array_equal(x, same_x)
        np.testing.assert_array_equal(y, same_y)


def test_imagenet2012_says_where_to_get_it(photos, monkeypatch):
    def prepare():
        raise AssertionError("Manual directory does not exist")

    library = fake_tfds(photos, prepare)
    monkeypatch.setitem(sys.modules, "tensorflow_datasets", library)
    with pytest.raises(ValueError, match="Manual directory.*image-net.org/download"):
        image_folders.from_tfds(photos)
    monkeypatch.setitem(sys.modules, "tensorflow_datasets", None)
    with pytest.raises(ValueError, match="pip install tensorflow-datasets"):
        image_folders.from_tfds(photos)


def stream_of(part, share):
    stream = image_streams.train_batches(part, 32, 4, 0, range(3, 11), share)
    return [(np.array(x), np.array(y)) for x, y in stream]


def test_processes_read_parts_of_the_batches_of_one(photos, monkeypatch):
    part = image_folders.from_folders(photos).train
    whole = stream_of(part, Share())
    read = []
    read_file = tf.io.read_file

    def counting(path):
        tf.py_function(lambda name: read.append(name.numpy()), [path], [])
        return read_file(path)

    monkeypatch.setattr(tf.io, "read_file", counting)
    halves = [stream_of(part, Share(4, 2, index)) for index in range(2)]
    # With what was read ahead, far from the 64 that both would read of all.
    assert len(read) < 60
    for (x, y), *own in zip(whole, *halves, strict=True):
        np.testing.assert_array_equal(x, np.concatenate([each[0] for each in own]))
        np.testing.assert_array_equal(y, np.concatenate([each[1] for each in own]))


def test_processes_read_parts_of_imagenet2012(photos, monkeypatch):
    library = fake_tfds(photos, lambda: None)
    builder, asked = library.builder(None, None), []

    def as_dataset(split, **options):
        asked.append(split)
        rows = image_folders.from_folders(photos).train.rows()
        return rows.shard(2, int(split.split()[1]))

    builder.as_dataset = as_dataset
    library.even_splits = lambda split, n, drop_remainder: [
        f"{split} {i} of {n}" for i in range(n)
    ]
    monkeypatch.setitem(sys.modules, "tensorflow_datasets", library)
    part = image_folders.from_tfds(photos).train
    numbers = [
        [
            int(number)
            for number, _ in part.numbered(0, range(1, 11), 4, Share(2, 2, index))
        ]
        for index in range(2)
    ]
    # Ten batches of two of its eight images: three passes, the first begun before.
    assert asked == ["train 0 of 2"] * 3 + ["train 1 of 2"] * 3
    assert numbers == [list(range(4, 44, 2)), list(range(5, 44, 2))]
