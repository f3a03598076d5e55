"""Small images of several data sets, few enough for many runs on two cores."""

from recipes.datasets import cifar, digits

TRAIN_SIZES = {"digits": 300, "cifar10": 2000, "cifar100": 5000}


def load_split(name, data_dir, seed, train_size=None):
    """Draws the rows to train on and to test on.

    Args:
        name: "digits", or "cifar10" or "cifar100" averaged to 16 × 16 pixels.
        data_dir: folder with the CIFAR files.
        seed: the same seed gives the same rows.
        train_size: number of training images; None takes `TRAIN_SIZES`.
    """
    train_size = train_size or TRAIN_SIZES[name]
    if name == "digits":
        return digits.load_split(train_size, seed)
    return cifar.load_split(
        name, data_dir, train_size=train_size, test_size=2000, size=16, seed=seed
    )
