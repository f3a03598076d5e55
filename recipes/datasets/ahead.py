"""Batches that threads make ahead, while a step runs."""

import threading
from concurrent.futures import ThreadPoolExecutor

from recipes.datasets.batches import MadeOfOthers


class Ahead(MadeOfOthers):
    """The batches of another dataset. Threads make the next ones while a step runs.

    The batches are the same, in the same order. Keras' own `workers` keep batches of an
    epoch for the next one, and take the first one last.

    Args:
        dataset: a `keras.utils.PyDataset` with an attribute `epoch`, whose batches
            follow from their number and the epoch alone.
        workers: how many threads, and how many batches ahead.
    """

    def __init__(self, dataset, workers):
        super().__init__(dataset)
        self.num_ahead = workers
        # One thread at a time asks for a batch, or goes to another epoch.
        self.lock = threading.RLock()
        self.waiting = {}
        self.pool = ThreadPoolExecutor(workers, thread_name_prefix="batches")

    @property
    def epoch(self):
        """The number of the epoch whose draws the batches have."""
        return self.datasets[0].epoch

    @epoch.setter
    def epoch(self, value):
        with self.lock:
            self._forget()
            self.datasets[0].epoch = value

    def __getitem__(self, index):
        with self.lock:
            for number in range(index, min(index + self.num_ahead + 1, len(self))):
                if number not in self.waiting:
                    batch = self.pool.submit(self.datasets[0].__getitem__, number)
                    self.waiting[number] = batch
            return self.waiting.pop(index).result()

    def on_epoch_end(self):
        """Goes to the next epoch."""
        with self.lock:
            self._forget()
            super().on_epoch_end()

    def _forget(self):
        """Waits for what is begun: a batch must not see the next epoch."""
        for batch in self.waiting.values():
            if not batch.cancel():
                batch.exception()
        self.waiting.clear()
