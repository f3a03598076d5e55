"""Images as streams of batches: read, cropped and forgotten one by one.

`tf.data` does it whatever Keras runs on.
"""

import importlib

from recipes.shared.shares import WHOLE

_AREAS = (0.08, 1.0)  # shares of an image that random crops take
_RATIOS = (3 / 4, 4 / 3)
_CENTRE = 224 / 256  # share of the shorter side that test images keep


def train_batches(part, size, batch_size, seed, steps, share=WHOLE, workers=None):
    """A stream of `(images, classes)`: random crops, half of them mirrored.

    Args:
        part: a `recipes.datasets.image_folders.Part`.
        size: height and width of the crops.
        batch_size: images of a batch.
        seed: of the order and the crops; each pass over the images has others.
        steps: a `range` of the numbers of the batches. A number fixes its batch, so
            that a stream can begin where another one ended.
        share: which images of each batch to read and give.
        workers: how many threads read and crop; None lets tf.data find the number.
    """
    tf = tensorflow()
    numbered = part.numbered(seed, steps, batch_size, share)
    at_once = workers or tf.data.AUTOTUNE

    def crop(number, row):
        return random_crop(row[0], (seed, number), size), row[1]

    images = numbered.map(crop, at_once, deterministic=True)
    own = batch_size // share.processes
    batches = images.batch(own, drop_remainder=True).prefetch(tf.data.AUTOTUNE)
    if workers:
        threads = tf.data.Options()
        threads.threading.private_threadpool_size = workers
        batches = batches.with_options(threads)
    return batches


def test_batches(part, size, batch_size):
    """A stream of `(images, classes)` of all images of a part: their centres."""
    tf = tensorflow()
    images = part.rows().map(
        lambda content, label: (centre_crop(content, size), label), tf.data.AUTOTUNE
    )
    return images.batch(batch_size).prefetch(tf.data.AUTOTUNE)


# pytest takes functions named test_* for tests.
test_batches.__test__ = False


def random_crop(content, seed, size):
    """A part of an image, 8 to 100 % of it, 3:4 to 4:3, resized, perhaps mirrored.

    Args:
        content: of a file, a string tensor.
        seed: two integers, which alone decide on the part.
        size: height and width of the result.

    Returns:
        A (size, size, 3) float32 tensor in [0, 1].
    """
    import tensorflow as tf

    seeds = tf.random.split(tf.cast(tf.stack(seed), "int64"))

    def box(shape):
        begin, extent, _ = tf.image.stateless_sample_distorted_bounding_box(
            shape,
            tf.constant([[[0.0, 0.0, 1.0, 1.0]]]),
            seeds[0],
            min_object_covered=0.0,
            aspect_ratio_range=_RATIOS,
            area_range=_AREAS,
        )
        return tf.concat([begin[:2], extent[:2]], axis=0)

    def from_jpeg():
        # Decodes no more than the part.
        where = box(tf.io.extract_jpeg_shape(content))
        return tf.io.decode_and_crop_jpeg(content, where, channels=3)

    def from_others():
        image = _decoded(content)
        return _cut(image, *tf.unstack(box(tf.shape(image))))

    part = tf.cond(tf.io.is_jpeg(content), from_jpeg, from_others)
    return tf.image.stateless_random_flip_left_right(_resized(part, size), seeds[1])


def centre_crop(content, size):
    """The centre of an image, 7/8 of its shorter side: (size, size, 3) in [0, 1].

    That is what resizing the shorter side to 256 pixels and cropping 224 keeps.
    """
    import tensorflow as tf

    image = _decoded(content)
    height, width = tf.unstack(tf.shape(image)[:2])
    side = tf.cast(tf.minimum(height, width), "float32") * _CENTRE
    side = tf.maximum(1, tf.cast(tf.round(side), "int32"))
    part = _cut(image, (height - side) // 2, (width - side) // 2, side, side)
    return _resized(part, size)


def _decoded(content):
    import tensorflow as tf

    return tf.io.decode_image(content, channels=3, expand_animations=False)


def _cut(image, top, left, height, width):
    return image[top : top + height, left : left + width]


def _resized(image, size):
    import tensorflow as tf

    # Smoothed where it shrinks, as by the libraries that papers used.
    resized = tf.image.resize(image, (size, size), antialias=True)
    resized.set_shape((size, size, 3))
    return resized / 255


def tensorflow():
    """TensorFlow, without a GPU unless Keras runs on it."""
    try:
        tf = importlib.import_module("tensorflow")
    except ImportError as error:
        raise ValueError(
            "Expected TensorFlow, which reads the images on every backend. Received: "
            f"an environment without it ({error}). Run: pip install tensorflow-cpu"
        ) from error
    keras = importlib.import_module("keras")
    if keras.backend.backend() != "tensorflow" and tf.config.get_visible_devices("GPU"):
        # It would take the memory of the GPU away from the backend.
        tf.config.set_visible_devices([], "GPU")
    return tf
