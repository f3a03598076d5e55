"""One run of the small convolutional net, by any method."""

from recipes.shared import devices
from recipes.shared.methods import IMAGE_METHODS


def train(split, run, options, on_epoch_end):
    """Trains the net, and returns the record of the run.

    Args:
        split: a `recipes.datasets.split.Split`.
        run: a `recipes.shared.runner.Run`, of one of `IMAGE_METHODS`.
        options: of the recipe.
        on_epoch_end: function (logs) called after every epoch with its losses.
    """
    import keras

    from recipes.networks import small_conv
    from recipes.shared.optimizers import adam_cosine
    from recipes.shared.training import train_classifier

    keras.utils.set_random_seed(run.seed)
    with devices.scope():
        return train_classifier(
            small_conv.build(split.input_shape, split.num_classes),
            split,
            IMAGE_METHODS[run.method],
            options,
            run,
            on_epoch_end,
            optimizer=adam_cosine(options.learning_rate),
        )
