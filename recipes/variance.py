"""The variance of the stochastic gradient that each way of mixing gives.

    python -m recipes.variance --datasets digits cifar10 --networks small_conv mlp
    python -m recipes.variance --datasets diabetes abalone            # regressions

The first takes about 10 minutes on one CPU core, the second 3.

A net is trained with mixup for a while; then the variance of the gradient at its
weights is measured, over draws of batches, partners and coefficients. What to expect:
it falls with K as a/B + b/(B·K) when coefficients are independent, to a floor;
stratified coefficients come close to the floor at K = 2; K·B fresh pairs have less
variance by far; and at the same cost the pairing "mirror" has less than "shuffle".
"""

import json
import time

from tqdm import tqdm

from recipes.shared import commands
from recipes.shared.options import integer_from, number_from, option_parser
from recipes.shared.results import write_table, write_whole
from recipes.shared.runner import select_backend

DESCRIPTION = """\
Trains small nets with mixup and measures the variance of the stochastic gradient at
their weights: against K for independent, stratified and shared coefficients, beside
K*B fresh pairs; and for the pairings that cost the same. Writes results.json,
results.csv and a figure for each data set and network."""

NUM_INTERPOLATIONS = (1, 2, 3, 5, 8, 16)
SAMPLINGS = ("independent", "stratified", "shared")
FRESH = "K·B fresh pairs"
IMAGES = ("digits", "cifar10", "cifar100")
NUMBERS = ("diabetes", "abalone")  # with the network "mlp" and the squared error
NETWORKS = ("small_conv", "mlp")
BANDWIDTHS = (0.1, 0.3, 1.0)  # of near labels, in deviations of the targets


def parse_options(arguments=None):
    """Parses the command line; `None` takes the process's own."""
    parser = option_parser("variance", DESCRIPTION)
    add, integer = parser.add_argument, integer_from
    add(
        "--datasets",
        nargs="+",
        choices=IMAGES + NUMBERS,
        default=["digits", "cifar10"],
        help="what to train on",
    )
    add(
        "--networks",
        nargs="+",
        choices=NETWORKS,
        default=list(NETWORKS),
        help="what is trained",
    )
    add(
        "--alphas",
        nargs="+",
        type=number_from(0),
        default=[1.0, 0.2],
        help="α of λ ~ Beta(α, α), one after another",
    )
    add("--num-draws", type=integer(2), default=400, help="batches for each figure")
    add("--batch-size", type=integer(1), default=4, help="B of the figures against K")
    add("--pairing-rows", type=integer(2), default=16, help="mixed rows, for pairings")
    add("--epochs", type=integer(0), default=10, help="of training before measuring")
    add(
        "--train-size",
        type=integer(20),
        help="training images, by default as the data need",
    )
    add("--seed", type=integer(0), default=0, help="of the split, weights and draws")
    options = parser.parse_args(arguments)
    if "mlp" not in options.networks and set(options.datasets) <= set(NUMBERS):
        parser.error(
            f"Expected the network mlp for {', '.join(options.datasets)}. Received: "
            f"--networks {' '.join(options.networks)}. Add mlp to them."
        )
    return options


def trained(dataset, network, alpha, options):
    """A network trained with mixup, its rows, and their loss; None for classes."""
    import keras

    from keras_multimix import MixUp, MixupModel
    from recipes.networks import mlp, small_conv

    x, y, outputs = _rows(dataset, options)
    of_numbers = dataset in NUMBERS
    keras.utils.set_random_seed(options.seed)
    build = {"small_conv": small_conv.build, "mlp": mlp.build}[network]
    net = build(x.shape[1:], outputs)
    model = MixupModel(net, MixUp(alpha, seed=options.seed))
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(1e-3), "mse" if of_numbers else loss)
    if options.epochs:
        model.fit(x, y, batch_size=32, epochs=options.epochs, verbose=0)
    return net, x, y, "mse" if of_numbers else None


def _rows(dataset, options):
    """The rows to train on, their labels, and how many outputs a network needs."""
    from recipes.datasets import numbers, small_images

    if dataset in NUMBERS:
        split = numbers.load_split(dataset, options.data_dir, options.seed)
        return *(each[: options.train_size] for each in split.train), 1
    split = small_images.load_split(
        dataset, options.data_dir, options.seed, options.train_size
    )
    return split.train_inputs, split.train_labels, split.num_classes


def settings(alpha, options, of_numbers=False):
    """Yields what is measured: name, K, mixer, rows of a batch, independent pairs.

    Names and K say where a figure stands; "pairing: …" are those of the same cost.
    """
    from keras_multimix import MixUp, MultiMix
    from keras_multimix.pairing import SimilarLabels

    seed, rows = options.seed, options.pairing_rows
    for count in NUM_INTERPOLATIONS:
        for sampling in SAMPLINGS:
            mixer = MixUp(alpha, count, sampling=sampling, seed=seed)
            yield sampling, count, mixer, options.batch_size, True
        fresh = MixUp(alpha, seed=seed)
        yield FRESH, count, fresh, options.batch_size * count, True
    yield "pairing: plain rows", 1, MixUp(0, seed=seed), rows, False
    for pairing in ("shuffle", "roll", "mirror"):
        mixer = MixUp(alpha, pairing=pairing, seed=seed)
        yield f"pairing: {pairing}", 1, mixer, rows, False
    for pairing in ("shuffle", "mirror"):
        halved = MultiMix(alpha, 2, pairing=pairing, keep_batch_size=True, seed=seed)
        name = f"pairing: {pairing}, K = 2, keep_batch_size"
        yield name, 2, halved, rows, False
    kept = MultiMix(alpha, 2, keep_originals=True, keep_batch_size=True, seed=seed)
    yield "pairing: shuffle, originals kept, K = 2", 2, kept, rows, False
    for bandwidth in BANDWIDTHS if of_numbers else ():
        near = MixUp(alpha, pairing=SimilarLabels(bandwidth), seed=seed)
        yield f"pairing: near labels, σ = {bandwidth:g}", 1, near, rows, False
    yield "pairing: a second batch", 1, MixUp(alpha, seed=seed), rows, True


def measure(dataset, network, alpha, options, progress):
    """The records of one network on one data set."""
    from keras_multimix.evaluation import gradient_variance

    net, x, y, loss = trained(dataset, network, alpha, options)
    records = []
    measured = settings(alpha, options, dataset in NUMBERS)
    for name, count, mixer, batch_size, independent in measured:
        found = gradient_variance(
            net,
            mixer,
            x,
            y,
            batch_size,
            options.num_draws,
            options.seed,
            loss=loss,
            independent_pairs=independent,
            verbose=False,
        )
        records.append(
            {
                "recipe": "variance",
                "dataset": dataset,
                "network": network,
                "alpha": alpha,
                "method": name,
                "num_interpolations": count,
                "batch_size": batch_size,
                "seed": options.seed,
                "backend": options.backend,
                "epochs": options.epochs,
                "metrics": found,
            }
        )
        progress.update()
    return records


def main(arguments=None):
    """The command; returns the records in results.json."""
    options = parse_options(arguments)
    select_backend(options.backend)
    from recipes.parts import variance_report

    start = time.perf_counter()
    options.output.mkdir(parents=True, exist_ok=True)
    cases = [
        (dataset, network, alpha)
        for dataset in options.datasets
        for network in options.networks
        for alpha in options.alphas
        if network == "mlp" or dataset not in NUMBERS
    ]
    total = sum(len(list(settings(1.0, options, d in NUMBERS))) for d, *_ in cases)
    records = []
    files = [options.output / f"results.{ending}" for ending in ("json", "csv")]
    with tqdm(total=total, unit="figure", mininterval=0.5) as progress:
        for case in cases:
            progress.set_description("{} {} α={:g}".format(*case))
            own = measure(*case, options, progress)
            records += own
            write_whole(files[0], json.dumps(records, indent=1) + "\n")
            write_table(files[1], variance_report.rows_of(records))
            name = "variance_{}_{}_{:g}.png".format(*case)
            files.append(options.output / name)
            variance_report.save_figure(files[-1], own)
    variance_report.print_report(records, options.num_draws)
    print("Files:", ", ".join(map(str, files)))
    print(f"Done in {time.perf_counter() - start:.0f} s.")
    return records


if __name__ == "__main__":
    commands.run(main)
