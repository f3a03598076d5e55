"""`tf.data`, grain, torch `DataLoader` and `PyDataset`, under every backend."""

import keras
import numpy as np
import pytest

from keras_multimix import CutMix, MixUp, MultiMix, RandomMix
from tests import helpers

NUM_BATCHES = 16


def arrays(rows=8 * NUM_BATCHES):
    rng = np.random.default_rng(0)
    return rng.normal(size=(rows, 4, 4)).astype("float32"), np.arange(rows) % 3


def expected(layer, x, y, batch_size=8):
    return [
        layer(x[start : start + batch_size], y[start : start + batch_size], step=number)
        for number, start in enumerate(range(0, len(x), batch_size))
    ]


def assert_same(batches, wanted):
    batches = [helpers.in_numpy(tuple(batch)) for batch in batches]
    assert len(batches) == len(wanted)
    for got, want in zip(batches, wanted, strict=True):
        for a, b in zip(got, want, strict=True):
            np.testing.assert_allclose(a, b, atol=1e-5)


@pytest.mark.spread
@pytest.mark.parametrize("layer_class", [MixUp, MultiMix, CutMix])
def test_parallel_maps_reproduce_with_a_step(layer_class):
    x, y = arrays()
    layer = layer_class(0.4, num_classes=3, seed=1)
    dataset = helpers.dataset(x, y, batch_size=8).enumerate()
    wanted = expected(layer, x, y)
    for parallel in (None, 1, 2, 8):
        mixed = dataset.map(
            lambda i, batch: layer(*batch, step=i), num_parallel_calls=parallel
        )
        assert_same(mixed, wanted)
    assert helpers.state(layer)[2] == 0


@pytest.mark.parametrize("drop_remainder", [True, False])
def test_a_step_that_the_graph_knows(drop_remainder):
    x, y = arrays(20)
    mix_up, cut_mix = MixUp(0.4, num_classes=3), CutMix(1.0, num_classes=3)
    for layer in (mix_up, RandomMix([mix_up, cut_mix], seed=2)):
        rows = tf_dataset(x[..., None], y).batch(8, drop_remainder=drop_remainder)
        mixed = rows.map(lambda x, y, layer=layer: layer(x, y, step=3))
        starts = range(0, 16 if drop_remainder else 20, 8)
        wanted = [layer(x[s : s + 8, ..., None], y[s : s + 8], step=3) for s in starts]
        assert_same(mixed, wanted)


def tf_dataset(*arrays):
    import tensorflow as tf

    return tf.data.Dataset.from_tensor_slices(arrays)


def test_parallel_maps_without_a_step_draw_nothing_twice():
    x, y = arrays()
    layer = MixUp(0.4, num_classes=3, seed=1)
    dataset = helpers.dataset(x, y, batch_size=8).map(layer, num_parallel_calls=8)
    labels = [helpers.in_numpy(mixed) for _, mixed in dataset]
    assert helpers.state(layer)[2] == NUM_BATCHES
    steps = {
        step
        for step in range(NUM_BATCHES)
        for mixed, start in zip(labels, range(0, len(x), 8), strict=True)
        if np.allclose(
            mixed, layer(x[start : start + 8], y[start : start + 8], step=step)[1]
        )
    }
    assert steps == set(range(NUM_BATCHES))


def test_a_second_epoch_goes_on_in_the_stream():
    x, y = arrays(16)
    layer = MixUp(0.4, num_classes=3, seed=1)
    dataset = helpers.dataset(x, y, batch_size=8).map(layer)
    first, second = list(dataset), list(dataset)
    wanted = expected(layer, np.tile(x, (2, 1, 1)), np.tile(y, 2))
    assert_same([*first, *second], wanted)


@pytest.mark.parametrize("layer_class", [MixUp, MultiMix, CutMix])
def test_last_batches_and_unknown_batch_sizes(layer_class):
    x, y = arrays(19)
    layer = layer_class(0.4, num_classes=3, seed=1)
    dataset = helpers.dataset(x, y, batch_size=8)
    assert dataset.element_spec[0].shape[0] is None
    assert_same(dataset.map(layer), expected(layer, x, y))


@pytest.mark.parametrize("pairing", ["roll", "mirror", "same_class", "neighbors"])
def test_every_pairing(pairing):
    x, y = arrays(19)
    layer = MixUp(0.4, pairing=pairing, num_classes=3, seed=1)
    assert_same(helpers.dataset(x, y, batch_size=8).map(layer), expected(layer, x, y))


def test_keep_batch_size():
    x, y = arrays(19)
    layer = MultiMix(0.4, 3, keep_batch_size=True, num_classes=3, seed=1)
    assert_same(helpers.dataset(x, y, batch_size=8).map(layer), expected(layer, x, y))


@pytest.mark.parametrize("layer_class", [MixUp, CutMix])
def test_dicts(layer_class):
    import tensorflow as tf

    x, y = arrays(16)
    data = {"image": x, "label": y, "sample_weights": np.ones(16, "float32")}
    layer = layer_class(0.4, num_classes=3, seed=1)
    dataset = tf.data.Dataset.from_tensor_slices(data).batch(8).map(layer)
    for (start, wanted), mixed in zip(
        enumerate(expected(layer, x, y)), dataset, strict=True
    ):
        assert list(mixed) == list(data), start
        np.testing.assert_allclose(mixed["image"], wanted[0], atol=1e-5)
        np.testing.assert_allclose(mixed["label"], wanted[1], atol=1e-5)


def test_two_datasets_zipped_into_independent_pairs():
    import tensorflow as tf

    x, y = arrays(16)
    layer = MixUp(0.4, num_classes=3, seed=1)
    ours = helpers.dataset(x, y, batch_size=8)
    others = helpers.dataset(x[::-1].copy(), y[::-1].copy(), batch_size=8)
    dataset = tf.data.Dataset.zip(ours, others).enumerate()
    mixed = dataset.map(lambda i, pair: layer.mix_pairs(*pair, step=i))
    wanted = [
        layer.mix_pairs((x[:8], y[:8]), (x[:-9:-1], y[:-9:-1]), step=0),
        layer.mix_pairs((x[8:], y[8:]), (x[7::-1], y[7::-1]), step=1),
    ]
    assert_same(mixed, wanted)


def test_grain_in_process():
    grain = pytest.importorskip("grain")
    x, y = arrays(32)
    layer = MixUp(0.4, num_classes=3, seed=1)
    dataset = (
        grain.MapDataset.source([(x[i], y[i]) for i in range(32)])
        .batch(8)
        .map_with_index(lambda i, batch: layer(*batch, step=i))
    )
    wanted = expected(layer, x, y)
    assert_same([dataset[i] for i in range(4)], wanted)
    assert_same([dataset[1], dataset[1]], [wanted[1], wanted[1]])
    assert_same(dataset.to_iter_dataset(), wanted)


def test_a_layer_survives_pickling_into_a_worker():
    import pickle

    x, y = arrays(8)
    layer = MixUp(0.4, num_classes=3, seed=1)
    layer(x, y)
    copy = pickle.loads(pickle.dumps(layer))
    np.testing.assert_array_equal(copy(x, y)[1], layer(x, y)[1])


@pytest.mark.parametrize("num_workers", [0, 2])
def test_torch_loader_mixed_after_it(num_workers):
    torch = pytest.importorskip("torch")
    x, y = arrays(32)
    loader = torch.utils.data.DataLoader(
        torch.utils.data.TensorDataset(torch.from_numpy(x), torch.from_numpy(y)),
        batch_size=8,
        num_workers=num_workers,
        collate_fn=_numpy_collate,
        multiprocessing_context="spawn" if num_workers else None,
    )
    layer = MixUp(0.4, num_classes=3, seed=1)
    assert_same([layer(batch) for batch in loader], expected(layer, x, y))


def _numpy_collate(rows):
    return tuple(
        np.stack([np.asarray(part) for part in parts])
        for parts in zip(*rows, strict=True)
    )


class MixingCollate:
    """A `collate_fn` that spawned workers can unpickle."""

    def __init__(self, layer):
        self.layer = layer

    def __call__(self, rows):
        return self.layer(_numpy_collate(rows))


def test_torch_loader_mixed_in_collate_fn():
    torch = pytest.importorskip("torch")
    x, y = arrays(32)
    layer = MixUp(0.4, num_classes=3, seed=1)

    def loader(num_workers):
        return torch.utils.data.DataLoader(
            list(zip(x, y, strict=True)),
            batch_size=8,
            num_workers=num_workers,
            collate_fn=MixingCollate(layer),
            multiprocessing_context="spawn" if num_workers else None,
        )

    assert_same(list(loader(0)), expected(layer, x, y))
    # Two workers would each count for themselves and draw the same twice.
    with pytest.raises(ValueError, match="step=local_count"):
        list(loader(2))


def test_py_dataset():
    x, y = arrays(32)
    layer = MixUp(0.4, num_classes=3, seed=1)

    class Mixed(keras.utils.PyDataset):
        def __len__(self):
            return 4

        def __getitem__(self, i):
            rows = slice(8 * i, 8 * i + 8)
            return layer(x[rows], y[rows], step=i)

    wanted = expected(layer, x, y)
    assert_same([Mixed()[i] for i in range(4)], wanted)
    model = keras.Sequential([keras.layers.Flatten(), keras.layers.Dense(3)])
    model.compile("sgd", keras.losses.CategoricalCrossentropy(from_logits=True))
    history = model.fit(Mixed(workers=2), epochs=2, verbose=0)
    assert np.isfinite(history.history["loss"]).all()
