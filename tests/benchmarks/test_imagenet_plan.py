"""The plan of the ImageNet preset: its rules on numbers that one can check by hand."""

import pytest

from benchmarks import imagenet_plan, scale

WEIGHTS = 10
FIXED, PER_ROW = 1000, 50


def measured():
    return {
        (rows, count, at_once): FIXED
        + PER_ROW * rows * at_once
        + (8 * WEIGHTS if at_once < count else 0)
        for rows, count, at_once in imagenet_plan.MEASURED_STEPS
    }


def test_the_rule_for_memory_is_a_line_in_the_rows_at_once():
    rule = imagenet_plan.memory_rule(measured(), WEIGHTS)
    assert imagenet_plan.largest_error(rule, measured()) == 0
    assert rule(128, 5, 5) == FIXED + 128 * 5 * PER_ROW
    assert rule(128, 5, 1) == FIXED + 128 * PER_ROW + 8 * WEIGHTS
    wrong = measured() | {imagenet_plan.MEASURED_STEPS[-1]: 2000}
    assert imagenet_plan.largest_error(rule, wrong) == pytest.approx(0.41)


@pytest.mark.parametrize("devices", scale.PLANNED_DEVICES)
def test_the_batch_stays_and_reads_grow_with_the_devices(devices):
    records = imagenet_plan.plan(
        devices,
        device_images=1000,
        core_images=250,
        memory=imagenet_plan.memory_rule(measured(), WEIGHTS),
        mixing=scale.plan,
        gradients=lambda count: scale.gradient_bytes(count, WEIGHTS),
    )
    plain, five, in_parts = records
    rows = 1024 // devices
    assert plain["rows"] == rows
    assert plain["reads"] == 1000 * devices and five["reads"] == 200 * devices
    assert (plain["cores_per_device"], five["cores_per_device"]) == (4, 0.8)
    row_bytes = 224 * 224 * 3 * 4
    assert plain["shuffle_received"] == rows * row_bytes * (devices - 1)
    assert plain["roll_received"] == row_bytes
    assert in_parts["memory"] == plain["memory"] + 8 * WEIGHTS
    assert len(imagenet_plan.table(records)) == 4
