"""Training on several devices of one or several hosts: options, checks and scope.

JAX takes the devices of its process, or of all processes that have joined, as one;
TensorFlow mirrors the network on the devices of its process; PyTorch has a process for
each device, which `torchrun` starts.
"""

import contextlib
import json
import os
from dataclasses import dataclass, field
from typing import Any

from recipes.shared import processes
from recipes.shared.options import integer_from
from recipes.shared.runner import select_backend
from recipes.shared.shares import WHOLE, Share

_KERAS_VARIABLES = ("JOB_ADDRESSES", "NUM_PROCESSES", "PROCESS_ID")


@dataclass(frozen=True)
class Team:
    """The devices that train together.

    Attributes:
        share: this process's part of every batch.
        scope: function () -> a context in which networks are built and trained.
    """

    share: Share = WHOLE
    scope: Any = field(default=contextlib.nullcontext)


_team = Team()


def add_options(parser):
    """Adds the options that say on which devices to train."""
    add = parser.add_argument
    add(
        "--devices",
        type=_all_or_number,
        metavar="all|N",
        help="devices of this host to train on; on PyTorch start it with torchrun",
    )
    add(
        "--coordinator",
        metavar="HOST:PORT",
        help="several hosts on JAX: where process 0 runs; auto asks the cluster",
    )
    add("--num-processes", type=integer_from(1), help="several hosts on JAX: how many")
    add("--process-index", type=integer_from(0), help="which of them this is, from 0")


def _all_or_number(text):
    return text if text == "all" else integer_from(1)(text)


def start(options):
    """Selects the backend, joins the other processes and finds the devices.

    Call it before anything imports Keras. Afterwards `options.devices` is the number of
    devices of all processes, or None for one.

    Args:
        options: with `backend`, `batch_size`, and those of `add_options`.

    Raises:
        ValueError: If there are fewer devices, if the batch size is no multiple of
            their number, or if the backend cannot train in this way.
    """
    global _team
    _refuse_other_ways(options)
    select_backend(options.backend)
    _team = _STARTS[options.backend](options)
    share = _team.share
    if options.batch_size % share.devices:
        lower = options.batch_size // share.devices * share.devices
        near = [str(n) for n in (lower, lower + share.devices) if n]
        raise ValueError(
            f"Expected a multiple of {share.devices}, the number of devices. Received: "
            f"--batch-size {options.batch_size}. Pass --batch-size "
            f"{' or '.join(near)}, or another number of --devices."
        )
    options.devices = share.devices if share.devices > 1 else None


def share():
    """This process's part of every batch, a `recipes.shared.shares.Share`."""
    return _team.share


def scope():
    """A context in which networks are built and trained on the devices."""
    return _team.scope()


@contextlib.contextmanager
def outside():
    """A context in which new networks are those of one device, on JAX.

    Keras cannot split rows over devices if their number is no multiple of the number of
    devices.
    """
    import keras

    before = keras.distribution.distribution()
    if before is not None:
        keras.distribution.set_distribution(None)
    try:
        yield
    finally:
        if before is not None:
            keras.distribution.set_distribution(before)


def on_one(network):
    """Returns a trained network as one device alone has it, to measure it there."""
    import keras

    if _team.share.devices == 1:
        return network
    with outside():
        copy = keras.models.clone_model(network)
        copy.set_weights(network.get_weights())
    return copy


def connect(model):
    """Lets a `MixupModel` train together with those of other processes.

    Only PyTorch needs it: its ranks average their gradients in the wrapper.
    """
    import keras

    if _team.share.processes == 1 or keras.backend.backend() != "torch":
        return
    import torch
    from torch.nn.parallel import DistributedDataParallel

    cuda = torch.cuda.is_available()
    ids = [torch.cuda.current_device()] if cuda else None
    model.train_through(DistributedDataParallel(model.base_model, device_ids=ids))


def _refuse_other_ways(options):
    """Refuses options for ways to train that the backend does not have."""
    names = ("coordinator", "num_processes", "process_index")
    given = [name for name in names if getattr(options, name) is not None]
    if options.backend != "jax" and given:
        flags = ", ".join("--" + name.replace("_", "-") for name in given)
        torch_way = "start the processes of PyTorch with torchrun, as recipes/README.md"
        raise ValueError(
            f"Expected {flags} on JAX only. Received: --backend {options.backend}. "
            + (
                f"Leave it out and {torch_way} shows."
                if options.backend == "torch"
                else "Keras 3 does not train in several processes on TensorFlow "
                "(keras#20585): choose another backend."
            )
        )
    alone = {"process_index", "num_processes"} & set(given)
    if alone and options.coordinator in (None, "auto") or len(given) == 2:
        raise ValueError(
            "Expected --coordinator HOST:PORT, --num-processes and --process-index "
            f"together. Received: {', '.join(given)}. Pass all three, or "
            "--coordinator auto where the cluster says so."
        )


def _number(options, available, where):
    """How many of the devices to take."""
    wanted = available if options.devices == "all" else options.devices
    if wanted > available:
        raise ValueError(
            f"Expected at most {available} devices, as many as {where}. Received: "
            f"--devices {wanted}. Pass --devices all."
        )
    return wanted


def _start_jax(options):
    variables = [f"KERAS_DISTRIBUTION_{name}" for name in _KERAS_VARIABLES]
    joins = options.coordinator or any(name in os.environ for name in variables)
    if joins:
        _use_gloo_on_cpus()
        address = None if options.coordinator == "auto" else options.coordinator
        _check_index(options)
        processes.join_jax(address, options.num_processes, options.process_index)
        options.devices = options.devices or "all"
    if options.devices is None:
        return Team()
    import jax
    import keras

    local = jax.local_device_count()
    number = _number(options, local, "JAX finds on this host")
    total = number * jax.process_count()
    if total == 1:
        return Team()
    # The first ones of each process, whose order is that of the processes.
    taken, names = {}, []
    for device, name in zip(
        jax.devices(), keras.distribution.list_devices(), strict=True
    ):
        taken[device.process_index] = taken.get(device.process_index, 0) + 1
        if taken[device.process_index] <= number:
            names.append(name)
    distribution = keras.distribution.DataParallel(
        devices=names, auto_shard_dataset=False
    )
    share = Share(total, jax.process_count(), jax.process_index())
    return Team(share, distribution.scope)


def _use_gloo_on_cpus():
    import jax

    # What else JAX has between CPUs needs MPI.
    jax.config.update("jax_cpu_collectives_implementation", "gloo")


def _check_index(options):
    index, count = options.process_index, options.num_processes
    if count is not None and index is not None and index >= count:
        raise ValueError(
            f"Expected a --process-index from 0 to {count - 1}. Received: {index}. "
            "Each process has its own, and process 0 runs at --coordinator."
        )


def _start_tensorflow(options):
    workers = json.loads(os.environ.get("TF_CONFIG") or "{}").get("cluster", {})
    if len(workers.get("worker", [])) > 1:
        raise ValueError(
            "Expected one process on TensorFlow. Received: TF_CONFIG with "
            f"{len(workers['worker'])} workers, in which Keras 3 cannot fit "
            "(keras#20585). Take --backend jax or torch for several hosts."
        )
    if options.devices is None:
        return Team()
    import tensorflow as tf

    kind = "GPU" if tf.config.list_logical_devices("GPU") else "CPU"
    found = [each.name for each in tf.config.list_logical_devices(kind)]
    number = _number(options, len(found), "TensorFlow finds")
    if number == 1:
        return Team()
    strategy = tf.distribute.MirroredStrategy(found[:number])
    return Team(Share(number), strategy.scope)


def _start_torch(options):
    if int(os.environ.get("WORLD_SIZE", "1")) > 1 and "RANK" in os.environ:
        started = int(os.environ.get("LOCAL_WORLD_SIZE", os.environ["WORLD_SIZE"]))
        if options.devices not in (None, "all", started):
            raise ValueError(
                f"Expected --devices {started}, as many as torchrun has started "
                f"processes here. Received: --devices {options.devices}. Leave it "
                "out, or change --nproc-per-node."
            )
        processes.join_torch()
        count = processes.count()
        return Team(Share(count, count, processes.index()))
    if options.devices is None:
        return Team()
    import torch

    found = torch.cuda.device_count() or 1
    where = "PyTorch finds; CPUs count where torchrun starts the processes"
    number = _number(options, found, where)
    if number > 1:
        raise ValueError(
            f"Expected a process for each device on PyTorch. Received: --devices "
            f"{number} in one process. Start it with: torchrun --nproc-per-node "
            f"{number} -m recipes..."
        )
    return Team()


_STARTS = {"jax": _start_jax, "tensorflow": _start_tensorflow, "torch": _start_torch}
