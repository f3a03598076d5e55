"""`RandomMix(per="row")`: each row becomes what its own layer would make of it."""

import keras
import numpy as np
import pytest

from keras_multimix import CutMix, MixUp, MixupModel, RandomMix
from tests import helpers
from tests.layers.test_label_kinds import WAYS
from tests.layers.test_label_weights import run

ROWS = 12
X = np.random.default_rng(7).normal(size=(ROWS, 4, 5, 2)).astype("float32")
CLASSES = np.arange(ROWS, dtype="int32") % 3
MASKS = (np.arange(ROWS * 20, dtype="int32") % 3).reshape(ROWS, 4, 5)
WEIGHTS = np.random.default_rng(8).uniform(0.5, 1, size=ROWS).astype("float32")


def layers(count=1, **arguments):
    return [
        MixUp(0.8, count, seed=1, num_classes=3, **arguments),
        CutMix(1.0, count, seed=2, num_classes=3, pairing="roll", **arguments),
        CutMix(0.2, count, seed=3, num_classes=3, **arguments),
    ]


def mixer(probabilities=(0.3, 0.3, 0.2), seed=5, **arguments):
    return RandomMix(layers(**arguments), list(probabilities), per="row", seed=seed)


def row_by_row(of_layers, choice, count):
    """Picks row i, its K mixtures, of the batch that its layer gives."""
    return np.stack(
        [
            of_layers[n][i * count + k]
            for i, n in enumerate(choice)
            for k in range(count)
        ]
    )


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("count", [1, 2])
@pytest.mark.parametrize("labels", [CLASSES, MASKS], ids=["classes", "masks"])
def test_a_row_is_its_layers(way, count, labels):
    layer, data = mixer(count=count), (X, labels, WEIGHTS)
    choice = helpers.in_numpy(layer.get_random_transformation(data, step=2)["choice"])
    assert set(choice.tolist()) == {-1, 0, 1, 2}
    alone = MixUp(0.0, count, num_classes=3)
    each = [own(*data, step=2) for own in [*layers(count=count), alone]]
    for part, mixed in enumerate(run(layer, data, way)):
        expected = row_by_row([parts[part] for parts in each], choice, count)
        np.testing.assert_allclose(mixed, expected, atol=1e-6)


def test_the_law_of_the_choice():
    """Chi-square over 2 000 rows, at p > 0.001; and rows of a batch are independent."""
    from scipy import stats

    layer = mixer(seed=11)
    x = np.zeros((50, 4, 4, 1), "float32")
    drawn = [layer.get_random_transformation(x, step=n)["choice"] for n in range(40)]
    counts = np.bincount(np.concatenate(drawn) + 1, minlength=4)
    assert stats.chisquare(counts, 2000 * np.array([0.2, 0.3, 0.3, 0.2])).pvalue > 1e-3
    assert min(len(set(choice.tolist())) for choice in drawn) >= 3


@pytest.mark.parametrize("way", WAYS)
def test_what_is_drawn_can_be_applied_again(way):
    layer = mixer()
    drawn = layer.get_random_transformation((X, CLASSES), step=2)
    again = layer.apply((X, CLASSES), drawn)
    for mixed, expected in zip(run(layer, (X, CLASSES), way), again, strict=True):
        np.testing.assert_allclose(mixed, expected, atol=1e-6)
    drawn["choice"] = np.full(ROWS, 7)
    with pytest.raises(ValueError, match="choice") as error:
        layer.apply((X, CLASSES), drawn)
    helpers.assert_three_parts(error)
    with pytest.raises(ValueError, match="choice"):
        layer.apply((X, CLASSES), drawn | {"choice": np.int32(0)})


@pytest.mark.parametrize("run_eagerly", [True, False])
@pytest.mark.parametrize("labels", [CLASSES, MASKS], ids=["classes", "masks"])
def test_in_a_model_it_is_the_pipelines_loss(labels, run_eagerly):
    """Cross-entropy is linear in the label, so mixed labels give the same loss."""
    if run_eagerly and helpers.backend() == "torch":
        pytest.skip("PyTorch runs eagerly anyway")
    head = [] if labels is MASKS else [keras.layers.Flatten()]
    base_model = keras.Sequential(
        [keras.Input((4, 5, 2)), *head, keras.layers.Dense(3)]
    )
    layer = RandomMix(
        [MixUp(0.8, seed=1), CutMix(1.0, seed=2)], [0.4, 0.4], per="row", seed=5
    )
    model = MixupModel(base_model, layer)
    model.compile(
        keras.optimizers.SGD(0.0),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        run_eagerly=run_eagerly,
    )
    loss = model.fit(X, labels, batch_size=ROWS, shuffle=False, verbose=0).history
    soft = RandomMix(
        [MixUp(0.8, seed=1, num_classes=3), CutMix(1.0, seed=2, num_classes=3)],
        [0.4, 0.4],
        per="row",
        seed=5,
    )
    mixed = soft(X, labels, step=0)
    base_model.compile(loss=keras.losses.CategoricalCrossentropy(from_logits=True))
    plain = base_model.evaluate(*mixed, batch_size=ROWS, verbose=0)
    np.testing.assert_allclose(loss["loss"], [plain], rtol=1e-5)


def test_what_is_not_finite_stays_where_it_was():
    """Log spectrograms hold -inf; a pasted row does not average them."""
    x = np.where(X < 0, -np.inf, X)
    layer = RandomMix([MixUp(0.8, seed=1), CutMix(1.0, seed=2)], [0, 1], per="row")
    assert not np.isnan(layer(x, step=1)).any()
    assert not np.isnan(helpers.in_numpy(layer(helpers.tensors(x), step=1))).any()


@pytest.mark.parametrize("rows", [0, 1])
@pytest.mark.parametrize("convert", [lambda x: x, helpers.tensors])
def test_few_rows(rows, convert):
    data = convert((X[:rows], CLASSES[:rows]))
    x, y = helpers.in_numpy(mixer(count=2)(*data, step=1))
    assert x.shape == (2 * rows, 4, 5, 2) and y.shape == (2 * rows, 3)


def test_it_saves_and_loads():
    layer = mixer()
    config = keras.saving.serialize_keras_object(layer)
    loaded = keras.saving.deserialize_keras_object(config)
    assert loaded.per == "row"
    expected = layer(X, CLASSES, step=4)
    for mixed, same in zip(loaded(X, CLASSES, step=4), expected, strict=True):
        np.testing.assert_array_equal(mixed, same)


def test_layers_that_cannot_stand_in_one_batch():
    both = [MixUp(num_classes=3, mix_labels="union"), MixUp(num_classes=3)]
    with pytest.raises(ValueError, match="mix_labels") as error:
        RandomMix(both, per="row")
    helpers.assert_three_parts(error)
    with pytest.raises(ValueError, match="axes"):
        RandomMix([CutMix(axes=(1,)), CutMix(axes=(2,))], per="row")
    with pytest.raises(ValueError, match="per") as error:
        RandomMix([MixUp()], per="pixel")
    helpers.assert_three_parts(error)
