"""mixup for GANs: a ring of eight Gaussians, a grid of 25, and Fashion-MNIST.

    python -m recipes.gan                            # both sets of points, 5 seeds
    python -m recipes.gan --preset paper             # the mixup paper's figure
    python -m recipes.gan --robustness               # learning rates and depths
    python -m recipes.gan --preset images --data-dir DIR   # Fashion-MNIST
    python -m recipes.gan --checkpoint-every 10min   # the paper's preset does it itself

An epoch is 100 iterations. recipes/README.md shows the results.
"""

import argparse

from recipes.shared import checkpoint_times, commands, devices
from recipes.shared.experiment import run_experiment
from recipes.shared.methods import Method, summaries
from recipes.shared.options import (
    below_one,
    integer_from,
    number_from,
    one_of,
    option_parser,
    parse,
)

DESCRIPTION = """\
Trains a GAN and mixup's GAN, whose discriminator tells the share of real data in a
mixture of real and generated rows. For points it counts the modes that are covered and
measures the share of good samples. An epoch is 100 iterations. Writes results.json,
results.csv and pictures of samples during training."""

METHODS = {
    "gan": Method("the ordinary GAN: mixup's with α = 0", arguments={"alpha": 0.0}),
    "mixup_gan": Method("the discriminator sees mixtures, λ ~ Beta(α, α), and tells λ"),
}
DATASETS = ("ring", "grid", "fashion_mnist")
PRESETS = {
    "quick": (
        "networks of 3 × 128, 20 000 iterations of 5 + 1 steps, 5 seeds",
        {"width": 128, "epochs": 200, "seeds": 5},
    ),
    "paper": (
        "mixup's: networks of 3 × 512, 20 000 iterations, one seed",
        {"width": 512, "epochs": 200, "seeds": 1, "checkpoint_every": "10min"},
    ),
    # Adam and one step of each network as in DCGAN (Radford et al., 1511.06434).
    "images": (
        "Fashion-MNIST: DCGAN's Adam, 6 000 iterations of 1 + 1 steps, one seed",
        {
            "dataset": ["fashion_mnist"],
            "width": 128,
            "epochs": 60,
            "seeds": 1,
            "learning_rate": 2e-4,
            "beta_1": 0.5,
            "discriminator_steps": 1,
        },
    ),
}
# The mixup paper's, and the last iteration.
SNAPSHOTS = (10, 100, 1_000, 10_000, 20_000)
LEARNING_RATES = (1e-4, 1e-3, 4e-3)
DEPTHS = (2, 3, 4)
ITERATIONS = 100  # of an epoch: the data have no end


def parse_options(arguments=None):
    """Parses the command line; `None` takes the process's own."""
    parser = option_parser(
        "gan",
        DESCRIPTION,
        summaries(METHODS),
        default_methods=tuple(METHODS),
        presets=PRESETS,
    )
    add, integer, number = parser.add_argument, integer_from, number_from
    add(
        "--dataset",
        nargs="+",
        type=one_of(DATASETS),
        metavar="NAME",
        default=["ring", "grid"],
        help=f"what to learn: {', '.join(DATASETS)}",
    )
    add(
        "--discriminator-steps",
        type=integer(1),
        default=5,
        help="for each one of the generator",
    )
    add("--batch-size", type=integer(2), default=128, help="rows in a step")
    add("--alpha", type=number(0), default=0.2, help="λ ~ Beta(α, α)")
    add("--learning-rate", type=number(0), default=1e-3, help="of Adam")
    add("--beta-1", type=below_one, default=0.9, help="of Adam")
    add("--width", type=integer(1), help="units of a hidden layer; channels of images")
    add("--depth", type=integer(1), default=3, help="hidden layers, for points")
    add(
        "--generator-loss",
        choices=("non_saturating", "min_max"),
        default="non_saturating",
        help="see keras_multimix.MixupGAN",
    )
    add(
        "--robustness",
        action="store_true",
        help=f"repeat with learning rates {LEARNING_RATES} and depths {DEPTHS}",
    )
    checkpoint_times.add_option(parser)
    devices.add_options(parser)
    return parse(parser, arguments, PRESETS)


def settings(options):
    """Data sets with what is changed for each: name -> (name of the data, changes)."""
    if not options.robustness:
        return {name: (name, {}) for name in options.dataset}
    changes = [{"learning_rate": rate} for rate in LEARNING_RATES]
    changes += [{"depth": depth} for depth in DEPTHS if depth != options.depth]
    return {
        f"{name}, " + ", ".join(f"{k} {v:g}" for k, v in change.items()): (name, change)
        for name in options.dataset
        for change in changes
    }


def build(name, options):
    """The generator and the discriminator for a data set."""
    from recipes.networks import gan

    if name == "fashion_mnist":
        return gan.dcgan(options.width // 4)
    return gan.perceptrons(options.width, options.depth)


def train(run, options, on_epoch_end):
    """One run; returns its record."""
    import keras

    from keras_multimix import MixupGAN
    from recipes.parts import gan_samples
    from recipes.parts.gan_curve import SampleCurve
    from recipes.shared.resuming import Resuming

    name, changes = settings(options)[run.dataset]
    own = argparse.Namespace(**{**vars(options), **changes})
    keras.utils.set_random_seed(run.seed)
    with devices.scope():
        model = MixupGAN(
            *build(name, own),
            discriminator_steps=own.discriminator_steps,
            generator_loss=own.generator_loss,
            seed=run.seed,
            **{"alpha": own.alpha, **METHODS[run.method].arguments},
        )
        adam = keras.optimizers.Adam
        model.compile(*(adam(own.learning_rate, own.beta_1) for _ in range(2)))
        source = gan_samples.source(name, own.data_dir)
        last = own.epochs * ITERATIONS
        taken = [*(n for n in SNAPSHOTS if n < last), last]
        curve = SampleCurve(source, taken, ITERATIONS, run.seed, on_epoch_end)
        # With the options of the command: the name of the run says what is changed.
        resuming = Resuming(options, run, {"rows": source.size}, {"curve": curve})

        def data():
            start, share = resuming.epoch * ITERATIONS, devices.share()
            return {
                "x": gan_samples.Batches(
                    source, own.batch_size, start, last, run.seed, share
                ),
                "steps_per_epoch": ITERATIONS,
                "shuffle": False,
            }

        resuming.fit(model, data, own.epochs, [curve])
    gan_samples.save(options.output, run, curve.snapshots)
    return {**curve.measured(), "before": resuming.before}


def main(arguments=None):
    """The command; returns the records in results.json."""
    options = parse_options(arguments)
    devices.start(options)
    return run_experiment(
        "gan", options, settings(options), METHODS, train, report_and_draw
    )


def report_and_draw(records, options):
    """Prints the table and draws the samples."""
    from recipes.parts import gan_report

    iterations = options.epochs * ITERATIONS
    title = (
        f"width {options.width}, {iterations} iterations of "
        f"{options.discriminator_steps} + 1 steps, α = {options.alpha:g}, "
        f"{options.generator_loss} loss, {options.backend}"
    )
    gan_report.print_report(records, title, options)


if __name__ == "__main__":
    commands.run(main)
