"""What loaders hand over: lists, unknown shapes, nested structures, workers."""

import numpy as np
import pytest

from keras_multimix import CutMix, MixUp, MultiMix
from tests import helpers

LAYERS = [MixUp, MultiMix, CutMix]


def arrays(rows=8):
    rng = np.random.default_rng(0)
    return rng.normal(size=(rows, 4, 4)).astype("float32"), np.arange(rows) % 3


def assert_close(got, expected):
    for a, b in zip(helpers.in_numpy(tuple(got)), expected, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-5)


@pytest.mark.parametrize("layer_class", LAYERS)
def test_the_lists_of_a_torch_loader(layer_class):
    torch = pytest.importorskip("torch")
    x, y = arrays()
    tensors = torch.utils.data.TensorDataset(torch.from_numpy(x), torch.from_numpy(y))
    loader = torch.utils.data.DataLoader(tensors, batch_size=4)
    layer = layer_class(0.4, num_classes=3, seed=1)
    for step, batch in enumerate(loader):
        mixed = layer(batch)
        assert isinstance(batch, list) and isinstance(mixed, list)
        rows = slice(4 * step, 4 * step + 4)
        assert_close(mixed, layer(x[rows], y[rows], step=step))


@pytest.mark.parametrize("layer_class", LAYERS)
def test_inference_in_a_dataset(layer_class):
    x, y = arrays()
    layer = layer_class(seed=1)
    dataset = helpers.dataset(x, y, batch_size=4)
    same = dataset.map(lambda x, y: layer(x, y, training=False))
    assert same.element_spec == dataset.element_spec
    assert_close(next(iter(same)), (x[:4], y[:4]))
    assert helpers.state(layer)[2] == 0


@pytest.mark.parametrize("layer_class", LAYERS)
def test_nested_structures_in_a_dataset(layer_class):
    import tensorflow as tf

    x, y = arrays()
    data = ({"left": x, "right": (x, 2 * x)}, {"class": y, "score": y * 0.5}, y + 1.0)
    layer = layer_class(0.4, num_classes={"class": 3}, seed=1)
    dataset = tf.data.Dataset.from_tensor_slices(data).batch(8).map(layer)
    inputs, labels, weights = next(iter(dataset))
    want_inputs, want_labels, want_weights = layer(*data, step=0)
    assert_close(
        [inputs["left"], *inputs["right"], labels["class"], labels["score"], weights],
        [
            want_inputs["left"],
            *want_inputs["right"],
            want_labels["class"],
            want_labels["score"],
            want_weights,
        ],
    )


@pytest.mark.parametrize("layer_class", LAYERS)
def test_images_of_unknown_height_and_width(layer_class):
    import tensorflow as tf

    x, masks = arrays()[0], np.random.default_rng(1).integers(0, 3, size=(8, 4, 4))
    signature = (
        tf.TensorSpec((None, None, None, 1), tf.float32),
        tf.TensorSpec((None, None, None), tf.int64),
    )
    layer = layer_class(0.4, num_classes=3, seed=1)
    dataset = tf.data.Dataset.from_generator(
        lambda: iter([(x[..., None], masks)]), output_signature=signature
    ).map(layer)
    assert_close(next(iter(dataset)), layer(x[..., None], masks, step=0))


@pytest.mark.parametrize("layer_class", LAYERS)
def test_errors_while_a_dataset_is_built_move_nothing(layer_class):
    import tensorflow as tf

    x, y = arrays()
    layer = layer_class(seed=1)
    for data, message in [
        ((x, y), "num_classes"),
        ((np.ones((8, 5), "int64"), x), "after the embedding"),
        ((np.array(["a"] * 8), x), "strings"),
    ]:
        dataset = tf.data.Dataset.from_tensor_slices(data).batch(4)
        with pytest.raises(ValueError, match=message):
            dataset.map(layer)
    rows = tf.data.Dataset.from_tensor_slices(tf.ragged.constant([[1.0], [2.0, 3.0]]))
    with pytest.raises(ValueError, match="ragged"):
        rows.batch(2).map(layer)
    assert helpers.state(layer)[2] == 0


def test_tensors_of_unknown_rank_are_refused_in_three_parts():
    import tensorflow as tf

    layer = MixUp(seed=1)
    function = tf.function(
        lambda x: layer(x, step=0), input_signature=[tf.TensorSpec(None, tf.float32)]
    )
    with pytest.raises(ValueError, match="Expected .* Received"):
        function.get_concrete_function()


def test_an_array_of_the_caller_mixed_inside_a_dataset():
    import tensorflow as tf

    x, _ = arrays()
    layer = MixUp(0.4, seed=1)
    dataset = tf.data.Dataset.range(3).map(lambda i: layer(x))
    for step, mixed in enumerate(dataset):
        np.testing.assert_allclose(mixed, layer(x, step=step), atol=1e-5)
