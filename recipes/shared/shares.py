"""Which rows of a batch belong to a process, where several train together."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Share:
    """A process's part of every batch: as many rows for each of the devices.

    Attributes:
        devices: those of all processes together.
        processes: how many there are; each has as many devices.
        index: of this process, from 0 on.
    """

    devices: int = 1
    processes: int = 1
    index: int = 0

    def rows(self, count):
        """The numbers of this process's rows in a batch of `count`, in their order.

        If `count` is no multiple of the devices, as may be so at the end of an epoch,
        the first rows of the batch come again at its end.
        """
        per_device = -(-count // self.devices)
        own = per_device * self.devices // self.processes
        return np.arange(self.index * own, (self.index + 1) * own) % count


WHOLE = Share()
