"""The data of the GAN recipe, and measures of its samples."""

import keras
import numpy as np

from recipes.datasets import fashion
from recipes.datasets.points import MIXTURES
from recipes.shared import processes
from recipes.shared.shares import WHOLE
from recipes.shared.whole_files import written_whole

NUM_SHOWN = 512
NUM_JUDGED = 2_500  # as VEEGAN's experiments judged them (arXiv 1705.07761)
_DEVIATIONS = 3  # from a mode that a good sample may be away


class Points:
    """Points around known modes, without end."""

    size = None

    def __init__(self, mixture):
        self.mixture = mixture

    def batch(self, count, generator):
        """Real rows, drawn with a `numpy.random.Generator`."""
        return self.mixture.sample(count, generator)

    def quality(self, samples):
        """Shares and counts of generated points.

        Returns:
            A dict: `good_share` of the points within 3 standard deviations of a mode;
            `modes`, how many modes have such a point; `even_modes`, the exponential of
            the entropy of good points over the modes, at most the number of modes.
        """
        nearest, distances = self.mixture.distances(samples)
        good = distances <= _DEVIATIONS * self.mixture.deviation
        counts = np.bincount(nearest[good], minlength=len(self.mixture.modes))
        shares = counts[counts > 0] / max(1, counts.sum())
        entropy = -np.sum(shares * np.log(shares))
        return {
            "good_share": float(good.mean()),
            "modes": int((counts > 0).sum()),
            "even_modes": float(np.exp(entropy)) if good.any() else 0.0,
        }


class Images:
    """Images in [-1, 1]; nothing counts how good generated ones are."""

    def __init__(self, images):
        self.images = images
        self.size = len(images)

    def batch(self, count, generator):
        """Real rows, drawn with a `numpy.random.Generator`."""
        return self.images[generator.integers(len(self.images), size=count)]

    def quality(self, samples):
        """Nothing: pictures have to be looked at."""
        return {}


def source(name, data_dir):
    """The rows of a data set to learn from."""
    if name in MIXTURES:
        return Points(MIXTURES[name]())
    return Images(fashion.load_images(data_dir))


class Batches(keras.utils.PyDataset):
    """Real rows for some iterations; those of an iteration depend on it and the seed.

    So a training can begin where another one stopped.

    Args:
        source: has `batch(count, generator)`.
        batch_size: rows for an iteration.
        start: the first iteration.
        stop: the one after the last.
        seed: of the rows.
        share: which rows of each batch to give.
    """

    def __init__(self, source, batch_size, start, stop, seed, share=WHOLE):
        super().__init__()
        self.source = source
        self.batch_size = batch_size
        self.start = start
        self.stop = stop
        self.seed = seed
        self.share = share

    def __len__(self):
        return self.stop - self.start

    def __getitem__(self, index):
        generator = np.random.default_rng((self.seed, self.start + index))
        rows = self.source.batch(self.batch_size, generator)
        return (rows[self.share.rows(len(rows))],)


def file_name(text):
    """A text, such as the name of a data set, without spaces and commas."""
    return text.replace(", ", "_").replace(" ", "_")


def path_of(folder, run):
    """The path of the samples of a run."""
    return folder / "samples" / f"{file_name('_'.join(map(str, run)))}.npz"


def save(folder, run, snapshots):
    """Writes samples, a dict iteration -> array, whole or not at all."""
    if not processes.is_first():
        return
    with written_whole(path_of(folder, run)) as path:
        np.savez_compressed(path, **{str(k): v for k, v in snapshots.items()})


def load(folder, run):
    """Reads what `save` wrote, as a dict iteration -> array."""
    with np.load(path_of(folder, run)) as file:
        return {int(key): file[key] for key in file}
