"""Trains a GAN in one process and then as one rank of two, and prints the weights.

    python -m tests.distribution.torch_gan_worker RANK PORT

Ranks draw other latent vectors, so the generator makes the same row of all of them.
"""

import json
import os
import sys

import torch

from tests.distribution.gan_by_rows import ROWS, drawn, trained

NUM_RANKS = 2

if __name__ == "__main__":
    rank, port = map(int, sys.argv[1:3])
    before, one = trained(ROWS)
    os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT=str(port))
    torch.distributed.init_process_group("gloo", rank=rank, world_size=NUM_RANKS)
    own = len(ROWS) // NUM_RANKS
    _, two = trained(ROWS[rank * own : (rank + 1) * own])
    latents = drawn()
    torch.distributed.destroy_process_group()
    found = {"before": before, "one": one, "two": two, "latents": latents}
    print(json.dumps(found))
