"""Any number of workers gives one stream, by `step`; without it none repeats."""

import multiprocessing
import os
import pickle

import keras
import numpy as np
import pytest

from keras_multimix import CutMix, MixUp, RandomMix
from tests import helpers

NUM_BATCHES = 6
# JAX says that a fork may lock up; with a `step` the workers stay in NumPy.
forks = pytest.mark.filterwarnings("ignore:os.fork:RuntimeWarning")
slow_workers = pytest.param(2, marks=pytest.mark.slow)


def arrays(rows=4 * NUM_BATCHES):
    rng = np.random.default_rng(0)
    return rng.normal(size=(rows, 4, 4)).astype("float32"), np.arange(rows) % 3


def new_mixer():
    layers = [MixUp(0.4, num_classes=3, seed=1), CutMix(num_classes=3, seed=2)]
    return RandomMix(layers, seed=5)


def batch(number):
    return tuple(part[4 * number : 4 * number + 4] for part in arrays())


def expected(mixer):
    return [mixer(batch(number), step=number) for number in range(NUM_BATCHES)]


def assert_same(batches, wanted):
    batches = [helpers.in_numpy(tuple(each)) for each in batches]
    assert len(batches) == len(wanted)
    for got, want in zip(batches, wanted, strict=True):
        for a, b in zip(got, want, strict=True):
            np.testing.assert_allclose(a, b, atol=1e-5)


class Mixed:
    """A mixed batch for each number: what a loader's workers are handed."""

    def __init__(self, mixer, with_step=True):
        self.mixer, self.with_step = mixer, with_step

    def __len__(self):
        return NUM_BATCHES

    def __getitem__(self, number):
        step = number if self.with_step else None
        return self.mixer(batch(number), step=step)


def torch_loader(dataset, num_workers):
    data = pytest.importorskip("torch.utils.data")
    context = "spawn" if num_workers else None
    return data.DataLoader(
        dataset,
        batch_size=None,
        num_workers=num_workers,
        multiprocessing_context=context,
    )


def grain_loader(dataset, num_workers):
    grain = pytest.importorskip("grain")
    from absl import flags

    if not flags.FLAGS.is_parsed():
        flags.FLAGS.mark_as_parsed()  # grain's workers read them
    loader = grain.MapDataset.range(NUM_BATCHES).map(dataset.__getitem__)
    loader = loader.to_iter_dataset()
    if not num_workers:
        return loader
    return loader.mp_prefetch(grain.MultiprocessingOptions(num_workers=num_workers))


LOADERS = [torch_loader, grain_loader]


@pytest.mark.parametrize("num_workers", [0, slow_workers])
@pytest.mark.parametrize("loader", LOADERS)
def test_the_stream_of_a_step(loader, num_workers):
    mixer = new_mixer()
    wanted = expected(mixer)
    assert_same(loader(Mixed(mixer), num_workers), wanted)
    assert helpers.state(mixer)[2] == 0


@pytest.mark.slow
@pytest.mark.parametrize(
    ("loader", "num_workers"), [(torch_loader, 1), (grain_loader, 2)]
)
def test_workers_that_would_repeat_each_other_are_refused(loader, num_workers):
    mixer = new_mixer()
    with pytest.raises(Exception, match="Expected a step: each worker process"):
        list(loader(Mixed(mixer, with_step=False), num_workers))
    assert helpers.state(mixer)[2] == 0


def new_py_dataset(mixer, with_step=True, **arguments):
    class Batches(keras.utils.PyDataset):
        def __len__(self):
            return NUM_BATCHES

        def __getitem__(self, number):
            return Mixed(mixer, with_step)[number]

    return Batches(**arguments)


def losses(dataset, epochs=1):
    """Of every batch that a net is trained on, in order of size.

    With several workers Keras' JAX and PyTorch trainers take batch 0 last.
    """
    keras.utils.set_random_seed(1)
    model = keras.Sequential(
        [keras.Input((4, 4)), keras.layers.Flatten(), keras.layers.Dense(3)]
    )
    loss = keras.losses.CategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.SGD(0.0), loss)
    sums = [0.0]

    class Record(keras.callbacks.Callback):
        def on_train_batch_end(self, number, logs=None):
            sums.append(float(logs["loss"]) * (number + 1))

    model.fit(dataset, epochs=epochs, shuffle=False, verbose=0, callbacks=[Record()])
    return np.sort(np.diff(sums))


@forks
@pytest.mark.parametrize(("workers", "processes"), [(2, False), (8, False), (2, True)])
def test_a_py_dataset_gives_the_same_with_any_workers(workers, processes):
    dataset = new_py_dataset(
        new_mixer(), workers=workers, use_multiprocessing=processes
    )
    wanted = losses(new_py_dataset(new_mixer()))
    np.testing.assert_allclose(losses(dataset), wanted, atol=1e-4)


@forks
def test_the_processes_of_a_py_dataset_need_a_step():
    dataset = new_py_dataset(new_mixer(), False, workers=2, use_multiprocessing=True)
    # TensorFlow's pipelines make an error of their own of it.
    with pytest.raises(Exception, match="Expected a step: each worker process"):
        losses(dataset)


def test_threads_without_a_step_draw_nothing_twice():
    mixer, seen = MixUp(0.4, pairing="roll", seed=5), []

    class Batches(keras.utils.PyDataset):
        def __len__(self):
            return NUM_BATCHES

        def __getitem__(self, number):
            x, _ = batch(0)
            mixed = mixer(x, np.eye(4, dtype="float32"))
            seen.append(mixed[1].tobytes())
            return mixed[0], mixed[1][:, :3]

    losses(Batches(workers=4), epochs=3)
    assert helpers.state(mixer)[2] == len(seen) == len(set(seen)) >= 3 * NUM_BATCHES


def _worker_stream():
    """An iterable dataset whose workers count for themselves, as the guide says."""
    import torch

    class Stream(torch.utils.data.IterableDataset):
        def __init__(self, mixer):
            self.mixer = mixer

        def __iter__(self):
            worker = torch.utils.data.get_worker_info()
            number, count = (worker.id, worker.num_workers) if worker else (0, 1)
            for local_count in range(NUM_BATCHES // count):
                step = local_count * count + number
                yield step, self.mixer(batch(step), step=step)

    return Stream


@forks
@pytest.mark.parametrize("num_workers", [0, 2])
def test_a_workers_own_step(num_workers):
    torch = pytest.importorskip("torch")
    mixer = new_mixer()
    loader = torch.utils.data.DataLoader(
        _worker_stream()(mixer),
        batch_size=None,
        num_workers=num_workers,
        multiprocessing_context="fork" if num_workers else None,
    )
    found = {int(step): mixed for step, mixed in loader}
    assert sorted(found) == list(range(NUM_BATCHES))
    assert_same([found[step] for step in range(NUM_BATCHES)], expected(mixer))


def test_a_process_that_made_its_layer_counts(monkeypatch):
    mixer = MixUp(0.4, num_classes=3, seed=5)
    sent = pickle.dumps(mixer)
    monkeypatch.setattr(multiprocessing.current_process(), "_config", {"daemon": True})
    assert multiprocessing.current_process().daemon
    mixer(batch(0))
    assert helpers.state(mixer)[2] == 1
    other = os.getpid() + 1
    monkeypatch.setattr(os, "getpid", lambda: other)
    with pytest.raises(ValueError, match="Expected a step: each worker process"):
        pickle.loads(sent)(batch(0))
    new = MixUp(0.4, num_classes=3, seed=5)
    new(batch(0))
    assert helpers.state(new)[2] == 1
