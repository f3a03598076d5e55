"""The variance of the stochastic gradient that each way of mixing gives.

    python -m recipes.variance --datasets digits cifar10 --networks small_conv mlp

Takes about 40 minutes on two busy CPU cores.

A net is trained with mixup for a while; then the variance of the gradient at its
weights is measured, over draws of batches, partners and coefficients. What to expect:
it falls with K as a/B + b/(B·K) when coefficients are independent, to a floor;
stratified coefficients come close to the floor at K = 2; K·B fresh pairs have less
variance by far; and at the same cost the pairing "mirror" has less than "shuffle".
"""

import json
import time

from tqdm import tqdm

from recipes.shared.options import integer_from, number_from, option_parser
from recipes.shared.results import write_whole
from recipes.shared.runner import select_backend

DESCRIPTION = """\
Trains small nets with mixup and measures the variance of the stochastic gradient at
their weights: against K for independent, stratified and shared coefficients, beside
K*B fresh pairs; and for the pairings that cost the same. Writes results.json and a
figure for each data set and network."""

NUM_INTERPOLATIONS = (1, 2, 3, 5, 8, 16)
SAMPLINGS = ("independent", "stratified", "shared")
FRESH = "K·B fresh pairs"
DATASETS = ("digits", "cifar10", "cifar100")
NETWORKS = ("small_conv", "mlp")


def parse_options(arguments=None):
    """Parses the command line; `None` takes the process's own."""
    parser = option_parser("variance", DESCRIPTION)
    add, integer = parser.add_argument, integer_from
    add(
        "--datasets",
        nargs="+",
        choices=DATASETS,
        default=["digits", "cifar10"],
        help="images to train on",
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
    return parser.parse_args(arguments)


def trained(dataset, network, alpha, options):
    """A network trained with mixup, and the rows that it was trained on."""
    import keras

    from keras_multimix import MixUp, MixupModel
    from recipes.datasets import small_images
    from recipes.networks import mlp, small_conv

    split = small_images.load_split(
        dataset, options.data_dir, options.seed, options.train_size
    )
    keras.utils.set_random_seed(options.seed)
    build = {"small_conv": small_conv.build, "mlp": mlp.build}[network]
    net = build(split.input_shape, split.num_classes)
    model = MixupModel(net, MixUp(alpha, seed=options.seed))
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(1e-3), loss)
    if options.epochs:
        model.fit(
            split.train_inputs,
            split.train_labels,
            batch_size=32,
            epochs=options.epochs,
            verbose=0,
        )
    return net, split.train_inputs, split.train_labels


def settings(alpha, options):
    """Yields what is measured: name, K, mixer, rows of a batch, independent pairs.

    Names and K say where a figure stands; "pairing: …" are those of the same cost.
    """
    from keras_multimix import MixUp, MultiMix

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
    yield "pairing: a second batch", 1, MixUp(alpha, seed=seed), rows, True


def measure(dataset, network, alpha, options, progress):
    """The records of one network on one data set."""
    from keras_multimix.evaluation import gradient_variance

    net, x, y = trained(dataset, network, alpha, options)
    records = []
    for name, count, mixer, batch_size, independent in settings(alpha, options):
        found = gradient_variance(
            net,
            mixer,
            x,
            y,
            batch_size,
            options.num_draws,
            options.seed,
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
    ]
    total = len(cases) * len(list(settings(1.0, options)))
    records, files = [], [options.output / "results.json"]
    with tqdm(total=total, unit="figure", mininterval=0.5) as progress:
        for case in cases:
            progress.set_description("{} {} α={:g}".format(*case))
            own = measure(*case, options, progress)
            records += own
            write_whole(files[0], json.dumps(records, indent=1) + "\n")
            name = "variance_{}_{}_{:g}.png".format(*case)
            files.append(options.output / name)
            variance_report.save_figure(files[-1], own)
    variance_report.print_report(records, options.num_draws)
    print("Files:", ", ".join(map(str, files)))
    print(f"Done in {time.perf_counter() - start:.0f} s.")
    return records


if __name__ == "__main__":
    main()
