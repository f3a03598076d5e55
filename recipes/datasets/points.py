"""Points in the plane around known modes: where a GAN is easily seen to fail."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Mixture:
    """A mixture of Gaussians of equal weight.

    Attributes:
        modes: (M, 2) float32, their means.
        deviation: standard deviation in each direction.
    """

    modes: np.ndarray
    deviation: float

    def sample(self, count, generator):
        """Draws (count, 2) float32 points with a `numpy.random.Generator`."""
        chosen = generator.integers(len(self.modes), size=count)
        noise = generator.normal(0, self.deviation, (count, 2))
        return (self.modes[chosen] + noise).astype("float32")

    def distances(self, points):
        """(N,) index of the nearest mode of each point, and (N,) its distance."""
        apart = np.linalg.norm(points[:, None] - self.modes[None], axis=-1)
        return apart.argmin(axis=1), apart.min(axis=1)


def ring():
    """Eight modes on a circle of radius 2, deviation 0.02."""
    angles = 2 * np.pi * np.arange(8) / 8
    circle = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    return Mixture((2 * circle).astype("float32"), 0.02)


def grid():
    """Five by five modes, 2 apart, deviation 0.05."""
    axis = np.arange(-4, 5, 2)
    modes = np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2)
    return Mixture(modes.astype("float32"), 0.05)


# Where the mixup paper's text leaves radius and deviation open, these are the sizes
# that VEEGAN's experiments made common (Srivastava et al., NeurIPS 2017, 1705.07761).
MIXTURES = {"ring": ring, "grid": grid}
