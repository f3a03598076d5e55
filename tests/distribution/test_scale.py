"""What mixing sends at scale: the rules against the partners that the pairings draw."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest

from benchmarks import scale
from benchmarks.collectives import collectives
from keras_multimix import namespaces, pairing
from tests import helpers
from tests.distribution.processes import ROOT
from tests.pairing.partners import partners_of

ROWS = 4


@pytest.mark.parametrize("devices", [2, 8, 64])
@pytest.mark.parametrize("name", ["roll", "mirror", scale.WITHIN])
def test_a_device_receives_the_rows_that_it_has_not(name, devices):
    state = np.array([3, 0, 1], "int32")
    drawn = name if name != scale.WITHIN else pairing.WithinShards("shuffle", devices)
    count = devices * ROWS
    partners = partners_of(drawn, state, count, namespaces.numpy_ops)
    home, partners_home = np.arange(count) // ROWS, partners // ROWS
    foreign = np.bincount(home[home != partners_home], minlength=devices)
    assert (foreign == scale.plan(name, devices, ROWS, 1)["received"]).all()


@pytest.mark.parametrize("devices", [4, 8, 64, 1024])
def test_mirrored_shards_load_the_busiest_link_with_a_quarter(devices):
    link = scale.plan("mirror", devices, ROWS, 10)["ring_link"]
    assert link == devices // 4 * ROWS * 10


def test_collectives_are_read_from_a_programs_text():
    text = """
  %a = f32[32,8]{1,0} all-gather(f32[4,8]{1,0} %x), channel_id=1
  %b = (s32[2]{0}, bf16[3,2]{1,0}) all-reduce(s32[2]{0} %y, bf16[3,2]{1,0} %z)
  %c = f32[4]{0} add(f32[4]{0} %d, f32[4]{0} %all-gather.2)
  %e = f32[] collective-permute-start(f32[] %f), source_target_pairs={{0,1}}
"""
    assert collectives(text) == [
        ("all-gather", ((32, 8),), 1024),
        ("all-reduce", ((2,), (3, 2)), 20),
        ("collective-permute", ((),), 4),
    ]


@pytest.mark.slow
@pytest.mark.skipif(helpers.backend() != "jax", reason="on JAX only")
def test_the_rules_give_what_compiled_steps_move(tmp_path):
    subprocess.run(
        [sys.executable, "-m", "benchmarks.scale", "--output", tmp_path],
        check=True,
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
    )
    found = json.loads((tmp_path / "scale.json").read_text())
    assert len(found["measured"]) == len(found["computed"]) == 12
    for record in found["measured"]:
        moves = record["pairing"] != scale.WITHIN
        assert bool(record["received"]) == bool(record["collectives"]) == moves
