"""Whether less variance of the gradient means fewer errors.

    python -m recipes.pairings --dataset digits --seeds 10

Takes about ten minutes on two busy CPU cores for `digits`.

The same small net is trained with mixup on partners of several kinds, at the same cost,
and with several interpolations of each pair. `recipes.variance` measures the variance
of the gradient that each of them has. What to expect: differences between the kinds of
partners are smaller than those between seeds.
"""

import time

from recipes import methods, runner

DESCRIPTION = """\
Trains a small convolutional net on small images with mixup: partners from a shuffled
batch, from the next row, and mirrored pairs at one coefficient; and with 2 and K
interpolations of each pair. Ends with a table, mean and standard deviation over the
seeds and a paired t-test against `mixup`, and writes results.json,
learning_curves.png and reliability.png."""

DEFAULT_METHODS = (
    "erm",
    "mixup",
    "mixup_roll",
    "mixup_mirror",
    "multimix_2",
    "multimix_independent",
    "multimix",
    "mixup_matched",
)
DATASETS = ("digits", "cifar10", "cifar100")
_EPOCHS = {"digits": 60, "cifar10": 30, "cifar100": 30}


def parse_options(arguments=None):
    """Parses the command line; `None` takes the process's own."""
    parser = runner.option_parser(
        "pairings",
        DESCRIPTION,
        methods.summaries(),
        default_methods=DEFAULT_METHODS,
        seeds=10,
        epochs=None,
    )
    add, integer = parser.add_argument, runner.integer_from
    add("--dataset", choices=DATASETS, default="digits", help="images to train on")
    add(
        "--train-size",
        type=integer(20),
        default=None,
        help="training images, by default as the data need",
    )
    methods.add_options(parser)
    options = parser.parse_args(arguments)
    options.epochs = options.epochs or _EPOCHS[options.dataset]
    return options


def train(name, seed, options, on_epoch_end):
    """One run: the seed fixes the split, the first weights and every draw.

    Returns:
        The list of measures on the test set during the run; the last is final.
    """
    import keras

    from recipes.datasets import small_images
    from recipes.networks import small_conv
    from recipes.training import train_classifier

    split = small_images.load_split(
        options.dataset, options.data_dir, seed, options.train_size
    )
    keras.utils.set_random_seed(seed)
    network = small_conv.build(split.input_shape, split.num_classes)
    return train_classifier(network, split, name, options, seed, on_epoch_end)


def main(arguments=None):
    """The command; returns the records in results.json."""
    options = parse_options(arguments)
    runner.select_backend(options.backend)
    from recipes import report

    start = time.perf_counter()
    records, curves = runner.run_all(
        "pairings",
        options.dataset,
        options,
        train=lambda method, seed, tick: train(method, seed, options, tick),
        epochs_of=lambda method: methods.epochs_of(method, options),
    )
    names = ("results.json", "learning_curves.png", "reliability.png")
    files = [options.output / name for name in names]
    metrics = {"test_error": "test error", "nll": "NLL (nats)"}
    report.save_learning_curves(files[1], curves, metrics)
    report.save_reliability(files[2], records)
    title = (
        f"{options.dataset}, {options.epochs} epochs, α = {options.alpha:g}, "
        f"K = {options.num_interpolations}, {options.seeds} seeds, {options.backend}"
    )
    report.print_report(records, title, files)
    report.print_paired_tests(records, "mixup")
    print(f"Done in {time.perf_counter() - start:.0f} s.")
    return records


if __name__ == "__main__":
    main()
