"""mixup on spoken words: spectrograms, a LeNet and a VGG-11.

    python -m recipes.speech --data-dir DIR
    python -m recipes.speech --data-dir DIR --mix-at waveform
    python -m recipes.speech --data-dir DIR --network vgg --preset paper

Waveforms become normalised log-spectrograms of 160 × 101; mixing starts after five
epochs without it, all as in the mixup paper. What to expect of the preset `quick`, a
narrow LeNet on some 1000 clips: the table in recipes/README.md.
"""

import dataclasses
import functools

from recipes.shared import commands, devices
from recipes.shared.experiment import run_experiment, setting_of
from recipes.shared.methods import IMAGE_METHODS, add_options, summaries
from recipes.shared.options import add_tfds_option, integer_from, option_parser, parse

DESCRIPTION = """\
Trains a LeNet or a VGG-11 to tell spoken words apart and compares plain training,
mixup and multi-mix with the control for equal compute, on spectrograms or on
waveforms. Writes results.json, results.csv and figures."""

DEFAULT_METHODS = ("erm", "mixup", "multimix", "mixup_matched")
DATASETS = ("speech_commands", "speech_commands_subset", "spoken_digit")
WIDTHS = {"lenet": 20, "vgg": 64}
PRESETS = {
    "quick": (
        "a narrow net on a subset of Speech Commands, K = 2, 5 seeds",
        {
            "dataset": "speech_commands_subset",
            "narrower": 4,
            "num_interpolations": 2,
            "seeds": 5,
        },
    ),
    "paper": (
        "mixup's: 65 000 clips, 30 words; run it with --alpha 0.1 and 0.2",
        {"dataset": "speech_commands", "seeds": 1, "checkpoint_every": "10min"},
    ),
}


def parse_options(arguments=None):
    """Parses the command line; `None` takes the process's own."""
    parser = option_parser(
        "speech",
        DESCRIPTION,
        summaries(IMAGE_METHODS),
        default_methods=DEFAULT_METHODS,
        epochs=30,
        presets=PRESETS,
    )
    add, integer = parser.add_argument, integer_from
    add("--dataset", choices=DATASETS, help="recordings")
    add("--network", choices=tuple(WIDTHS), default="lenet", help="what is trained")
    add("--narrower", type=integer(1), default=1, help="divides the network's width")
    add(
        "--mix-at",
        choices=("spectrogram", "waveform"),
        default="spectrogram",
        help="what is mixed: the network's inputs or what they are computed from",
    )
    add("--warm-up", type=integer(0), default=5, help="epochs before mixing starts")
    add("--train-size", type=integer(20), help="training clips; all by default")
    add("--test-size", type=integer(20), help="test clips; all by default")
    add_tfds_option(parser)
    add_options(parser, batch_size=100, learning_rate=3e-3)
    devices.add_options(parser)
    return parse(parser, arguments, PRESETS)


def build_network(split, options):
    """A network for spectrograms, or for waveforms if those are mixed."""
    import keras

    from recipes.networks import lenet, vgg
    from recipes.networks.spectrogram import LogSpectrogram

    build = {"lenet": lenet.build, "vgg": vgg.build}[options.network]
    width = max(1, WIDTHS[options.network] // options.narrower)
    if options.mix_at == "spectrogram":
        return build(split.input_shape, split.num_classes, width=width)
    waveforms = keras.Input(split.input_shape)
    spectrograms = LogSpectrogram()(waveforms)
    net = build(spectrograms.shape[1:], split.num_classes, width=width)
    return keras.Model(waveforms, net(spectrograms))


def load_split(run, options):
    """The rows of a run."""
    return _held_out(load_data(run.dataset, options, _seed(run, options)), run, options)


def _seed(run, options):
    """Of the clips, which are the same for every run unless some are drawn."""
    return run.seed if options.train_size or options.test_size else 0


def _held_out(split, run, options):
    from recipes.datasets.split import hold_out

    return hold_out(split, options.validation_size, run.seed)


def load_data(dataset, options, seed):
    """The clips, as what is to be mixed: spectrograms or waveforms."""
    from recipes.datasets import speech
    from recipes.networks.spectrogram import spectrograms

    load = speech.load_tfds_split if options.tfds else speech.load_split
    split = load(
        dataset,
        options.data_dir,
        seed,
        train_size=options.train_size,
        test_size=options.test_size,
    )
    if options.mix_at == "waveform":
        return split
    return dataclasses.replace(
        split,
        train_inputs=spectrograms(split.train_inputs),
        test_inputs=spectrograms(split.test_inputs),
    )


def train(run, split, options, on_epoch_end):
    """One run; returns its record."""
    import keras

    from recipes.shared.optimizers import adam
    from recipes.shared.training import train_classifier

    keras.utils.set_random_seed(run.seed)
    with devices.scope():
        return train_classifier(
            build_network(split, options),
            split,
            IMAGE_METHODS[run.method],
            options,
            run,
            on_epoch_end,
            optimizer=adam(options.learning_rate, drops=(1 / 3, 2 / 3)),
            warm_up=options.warm_up,
            num_points=15,
        )


def main(arguments=None):
    """The command; returns the records in results.json."""
    options = parse_options(arguments)
    devices.start(options)

    # Reading clips takes seconds.
    @functools.lru_cache(maxsize=1)
    def data_of(seed):
        return load_data(options.dataset, options, seed)

    def train_run(run, options, on_epoch_end):
        split = _held_out(data_of(_seed(run, options)), run, options)
        return train(run, split, options, on_epoch_end)

    return run_experiment(
        "speech", options, [options.dataset], IMAGE_METHODS, train_run, report_and_draw
    )


def report_and_draw(records, options):
    """Prints the tables and draws the figures."""
    from recipes.shared.report import print_report

    title = setting_of(options, options.network)
    print_report(records, title, options.output, reference="erm")


if __name__ == "__main__":
    commands.run(main)
