"""Pairings inside of shards: which rows, on every namespace, and what is refused."""

import keras
import numpy as np
import pytest

from keras_multimix import MixUp, MultiMix, namespaces, randomness
from keras_multimix.pairing import WithinShards
from tests import helpers
from tests.pairing.partners import partners_of

PAIRINGS = ["shuffle", "roll", "mirror"]
STATE = np.array([3, 0, 7], "int32")


def shards_of(num_rows, num_shards):
    size = max(1, -(-num_rows // num_shards))
    return [range(num_rows)[i : i + size] for i in range(0, num_rows, size)]


def expected(name, num_rows, num_shards):
    """Each shard's rows in another order, in plain NumPy."""
    rows = np.arange(num_rows, dtype="int32")
    words = randomness.random_words(
        STATE, randomness.PARTNERS, rows, namespaces.numpy_ops
    )
    partners = []
    for shard in map(list, shards_of(num_rows, num_shards)):
        order = {
            "shuffle": np.argsort(words[shard], kind="stable"),
            "roll": np.roll(np.arange(len(shard)), -1),
            "mirror": np.arange(len(shard))[::-1],
        }[name]
        partners += np.array(shard)[order].tolist()
    return partners


@pytest.mark.parametrize("name", PAIRINGS)
@pytest.mark.parametrize("sizes", [(12, 3), (12, 1), (7, 3), (9, 4), (2, 4), (1, 2)])
def test_each_shard_is_paired_by_itself(name, sizes):
    for ops in (namespaces.numpy_ops, keras.ops, namespaces.tensorflow_ops()):
        within, state = WithinShards(name, sizes[1]), ops.convert_to_tensor(STATE)
        partners = partners_of(within, state, sizes[0], ops)
        got = helpers.in_numpy(partners)
        assert got.dtype == "int32" and got.tolist() == expected(name, *sizes)


@pytest.mark.parametrize("name", PAIRINGS)
def test_one_shard_is_the_pairing_itself(name):
    for rows in (5, 8):
        data = np.zeros((rows, 1), "float32")
        plain, within = (
            MixUp(pairing=each, seed=4).get_random_transformation(data, step=2)
            for each in (name, WithinShards(name, 1))
        )
        for key, value in plain.items():
            np.testing.assert_array_equal(value, within[key])


@pytest.mark.spread
@pytest.mark.parametrize("how", [None, *helpers.compilations()])
@pytest.mark.parametrize("keep_batch_size", [False, True])
@pytest.mark.parametrize("name", PAIRINGS)
def test_rows_are_mixed_with_the_partners_drawn(rng, name, keep_batch_size, how):
    layer = MultiMix(
        num_interpolations=2,
        pairing=WithinShards(name, 3),
        keep_batch_size=keep_batch_size,
        seed=1,
    )

    def mix(x, y):
        return layer(x, y, step=4)

    if how is not None:
        mix = helpers.compiled(mix, how)
    for num_rows in (12, 8):  # 3 shards divide the one and not the other
        x = rng.normal(size=(num_rows, 2, 2)).astype("float32")
        y = np.eye(num_rows, dtype="float32")
        drawn = layer.get_random_transformation((x, y), step=4)
        got = helpers.in_numpy(mix(*helpers.tensors((x, y))))
        # `apply` takes rows by their numbers, whatever the pairing.
        for a, b in zip(got, layer.apply((x, y), drawn), strict=True):
            np.testing.assert_allclose(a, b, atol=1e-6)


def test_in_a_dataset_whose_batches_have_no_fixed_size(rng):
    x = rng.normal(size=(10, 2)).astype("float32")
    layer = MixUp(pairing=WithinShards("shuffle", 2), seed=1)
    dataset = helpers.dataset(x, x, batch_size=6).map(layer)
    for step, (got, rows) in enumerate(zip(dataset, (x[:6], x[6:]), strict=True)):
        for a, b in zip(
            helpers.in_numpy(got), layer(rows, rows, step=step), strict=True
        ):
            np.testing.assert_allclose(a, b, atol=1e-6)


@pytest.mark.parametrize("rows", [12, 7])
def test_mirror_within_shards_gives_each_example_the_weight_one(rows):
    layer = MultiMix(0.7, pairing=WithinShards("mirror", 3), seed=1)
    _, labels = layer(np.zeros((rows, 5), "float32"), np.eye(rows, dtype="float32"))
    np.testing.assert_allclose(labels.sum(axis=0), np.full(rows, 5.0), atol=1e-5)


def test_round_trip(tmp_path):
    within = WithinShards("roll", 4)
    layer = MixUp(pairing=within, seed=1)
    copy = MixUp.from_config(layer.get_config())
    assert copy.pairing == within != WithinShards("roll", 2)
    assert hash(copy.pairing) == hash(within)
    model = keras.Sequential([keras.Input((3,)), layer])
    model.save(tmp_path / "model.keras")
    assert keras.saving.load_model(tmp_path / "model.keras").layers[0].pairing == within


@pytest.mark.parametrize(
    "arguments", [("same_class", 2), ("random", 2), ("roll", 0), ("roll", 1.5)]
)
def test_refused(arguments):
    with pytest.raises(ValueError, match="Expected .*Received: .*To fix it, "):
        WithinShards(*arguments)
