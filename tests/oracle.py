"""What mixing should give, in plain NumPy with one loop per row."""

import numpy as np


def interpolate(x, partner, coefficients):
    """Pair-major mixtures: row i * K + k is pair i at its k-th coefficient."""
    x = np.asarray(x, "float64")
    return np.stack(
        [
            weight * x[i] + (1 - weight) * x[partner[i]]
            for i in range(len(coefficients))
            for weight in np.asarray(coefficients, "float64")[i]
        ]
    )


def interpolate_labels(y, sample_weight, partner, coefficients):
    """The same of labels whose rows, or places in these, weigh unequally."""
    y, w = np.asarray(y, "float64"), np.asarray(sample_weight, "float64")
    w = w.reshape(*w.shape[: y.ndim], *(1,) * (y.ndim - w.ndim))
    weights = interpolate(np.broadcast_to(w, y.shape), partner, coefficients)
    products = interpolate(w * y, partner, coefficients)
    plain = interpolate(y, partner, coefficients)
    return np.where(weights == 0, plain, products / np.where(weights == 0, 1, weights))


def cut_and_paste(x, partner, boxes):
    """Pair-major rows with the partner's box (top, left, height, width) pasted in."""
    rows = []
    for i in range(len(boxes)):
        for top, left, height, width in boxes[i]:
            row = np.array(x[i])
            inside = np.s_[top : top + height, left : left + width]
            row[inside] = x[partner[i]][inside]
            rows.append(row)
    return np.stack(rows)


def cut_along(x, partner, boxes, axes):
    """The same along other axes: n starts and n lengths for each box."""
    rows = []
    for i, of_pair in enumerate(boxes):
        for box in of_pair:
            row, inside = np.array(x[i]), [slice(None)] * (x.ndim - 1)
            for number, axis in enumerate(axes):
                start, length = box[number], box[number + len(axes)]
                inside[axis - 1] = slice(start, start + length)
            row[tuple(inside)] = x[partner[i]][tuple(inside)]
            rows.append(row)
    return np.stack(rows)


def one_hot(classes, num_classes):
    return np.eye(num_classes, dtype="float32")[np.asarray(classes)]
