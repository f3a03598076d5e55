#!/usr/bin/env bash
# Measures on a machine with one NVIDIA GPU that has JAX, PyTorch and no network.
#
#   benchmarks/on_gpu.sh setup benchmarks-jax benchmarks-torch train
#   benchmarks/on_gpu.sh feeding      # after setup: does the step wait for data?
#   benchmarks/on_gpu.sh evidence     # what recipes/plan.md plans, side by side
#
# Runs the stages named, one after another, each within its time, in the folder of this
# project. A stage that fails or runs out of time keeps what it has written and does not
# stop the next. From the environment:
#
#   WHEELS    folder of wheels that the machine lacks, Keras among them   (wheels)
#   DATA      folder with cifar10.npz, as `recipes.cifar` reads it        (data)
#   OUTPUT    folder for what is measured                                 (runs/gpu)
#   WORK      folder that later calls find again: packages, compiled code (/tmp/on_gpu)
#   SECONDS_JAX, SECONDS_TORCH   time of a benchmark                      (150, 70)
#   MINUTES   of training, and of the evidence                            (7.5)
#   EPOCHS    of a run; else as many as the benchmark says will fit
#   SEEDS     of each method that they have to fit for                    (3)
#   ARGUMENTS more options of the recipe
#   TABLES    of the evidence, by name; else all of them
#   JOBS      processes that measure the evidence side by side. They take
#             turns on the GPU: with 16 a run of seconds took minutes     (3)
#   PYTHON    the interpreter that has JAX and PyTorch                    (python3)
#   SMALL     anything: everything tiny, to see that the stages run
set -uo pipefail
cd "$(dirname "$0")/.."

WHEELS=${WHEELS:-wheels} DATA=${DATA:-data} OUTPUT=${OUTPUT:-runs/gpu}
WORK=${WORK:-/tmp/on_gpu}
SECONDS_JAX=${SECONDS_JAX:-150} SECONDS_TORCH=${SECONDS_TORCH:-70}
MINUTES=${MINUTES:-7.5} SEEDS=${SEEDS:-3} PYTHON=${PYTHON:-python3}
SITE=$WORK/site CACHE=$WORK/compiled KEPT=$WORK/kept
mkdir -p "$OUTPUT" "$CACHE" "$KEPT"
export PYTHONPATH=$SITE PYTHONUNBUFFERED=1 MPLBACKEND=Agg MPLCONFIGDIR=$WORK/matplotlib

# within SECONDS LOG COMMAND...: stopped with Ctrl-C's signal, then for good.
within() {
    local seconds=$1 log=$OUTPUT/$2 status=0
    shift 2
    timeout --signal INT --kill-after 15 "$seconds" "$@" >"$log" 2>&1 || status=$?
    tr '\r' '\n' <"$log" | tail -n 60
    echo "== $log: status $status after $SECONDS s"
}

setup() {
    {
        nvidia-smi --query-gpu=name,driver_version,memory.total --format=csv,noheader
        nproc
        "$PYTHON" -m pip install -q --no-index --no-deps --no-compile --no-cache-dir \
            --upgrade --target "$SITE" "$WHEELS"/*.whl
        KERAS_BACKEND=jax "$PYTHON" -c 'import jax, keras, numpy, sys
print("python", sys.version.split()[0], "numpy", numpy.__version__)
print("keras", keras.__version__, "jax", jax.__version__, jax.devices())'
        KERAS_BACKEND=torch "$PYTHON" -c 'import torch
print("torch", torch.__version__, torch.cuda.is_available())'
    } >"$OUTPUT/setup.log" 2>&1
    tail -n 20 "$OUTPUT/setup.log"
    echo "== setup after $SECONDS s"
}

benchmarks_of() {
    local rounds=5
    if [[ -n ${SMALL:-} ]]; then rounds=2; fi
    within "$2" "benchmarks_$1.log" "$PYTHON" -m benchmarks.device --backend "$1" \
        --rounds "$rounds" --output "$OUTPUT" --compilation-cache "$CACHE"
    # For `train`, which another call may run with another folder.
    cp "$OUTPUT/device_$1.json" "$KEPT" || true
}

feeding() {
    local sizes=(--width 64 --batch-size 500 --steps 40)
    if [[ -n ${SMALL:-} ]]; then sizes=(--width 2 --batch-size 8 --steps 2); fi
    within 60 feeding.log "$PYTHON" -m benchmarks.feeding --backend jax \
        --mixed-precision bfloat16 "${sizes[@]}" --output "$OUTPUT"
}

train() {
    local epochs=${EPOCHS:-} small=()
    if [[ -z $epochs ]]; then
        epochs=$("$PYTHON" -m benchmarks.budget "$KEPT/device_jax.json" \
            --minutes "$MINUTES" --seeds "$SEEDS") || epochs=20
    fi
    if [[ -n ${SMALL:-} ]]; then
        epochs=1 small=(--width 2 --image-size 8 --train-size 40 --test-size 20
            --padding 1 --batch-size 20)
    fi
    echo "== training for $MINUTES minutes, $epochs epochs a run"
    # A minute more than its own limit, for what is before the first run and the report.
    within "$(awk "BEGIN { print int(60 * $MINUTES + 60) }")" train.log \
        "$PYTHON" -m recipes.cifar --preset gpu --backend jax --data-dir "$DATA" \
        --output "$OUTPUT" --compilation-cache "$CACHE" --minutes "$MINUTES" \
        --seeds 20 --epochs "$epochs" "${small[@]}" ${ARGUMENTS:-}
}

evidence() {
    local arguments=() folder=$KEPT/evidence
    if [[ -n ${TABLES:-} ]]; then read -ra arguments <<<"--tables $TABLES"; fi
    if [[ -n ${SMALL:-} ]]; then arguments+=(--tiny); fi
    echo "== evidence for $MINUTES minutes"
    # Half a minute more than its own limit, for what it stops and copies.
    within "$(awk "BEGIN { print int(60 * $MINUTES + 30) }")" evidence.log \
        "$PYTHON" -m recipes.evidence --backend jax --data-dir "$DATA" \
        --output "$folder" --jobs "${JOBS:-3}" --minutes "$MINUTES" \
        --compilation-cache "$CACHE" "${arguments[@]}"
    # Another call continues from here; without the networks, which are large.
    tar -czf "$OUTPUT/evidence.tar.gz" --exclude sources --exclude checkpoints \
        -C "$KEPT" evidence
}

for stage in "$@"; do
    case $stage in
    setup) setup ;;
    benchmarks-jax) benchmarks_of jax "$SECONDS_JAX" ;;
    benchmarks-torch) benchmarks_of torch "$SECONDS_TORCH" ;;
    feeding) feeding ;;
    evidence) evidence ;;
    train) train ;;
    *)
        echo "Expected setup, benchmarks-jax, benchmarks-torch, feeding, evidence or train." \
            "Received: $stage." >&2
        exit 2
        ;;
    esac
done
