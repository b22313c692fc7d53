#!/bin/sh
# Is the new model slower than the old one on this machine? For any CI server; github.yml shows it in one.
#
#   pipelines/ci/gate.sh OLD.onnx NEW.onnx OUT
#
# Builds an engine of each, interleaves them in one run and judges. The programs engine-build, runner and analysis
# are on the PATH. OUT gets the run folder with its report, comment.md for a pull request and junit.xml.
# The old engine stands twice in the interleave: what it differs from itself by is the noise floor, below which
# nothing is claimed.
#
# Exit: 0 same or faster; 6 slower beyond the margin; 7 undecided; 5 an engine FAILED; 2 to 4 nothing was compared.
set -eu

if [ $# -ne 3 ]; then
    echo "usage: gate.sh OLD.onnx NEW.onnx OUT" >&2
    exit 2
fi
old=$1 new=$2 out=$3
backend=${GATE_BACKEND:-onnxruntime-cpu}

mkdir -p "$out"
# a file that ends in .onnx suits every backend
engine-build build "$old" --backend "$backend" --out "$out/old.onnx"
engine-build build "$new" --backend "$backend" --out "$out/new.onnx"
cp "$out/old.onnx" "$out/old-again.onnx"

runner bench "$out/old.onnx" "$out/new.onnx" "$out/old-again.onnx" --backend "$backend" \
    --duration "${GATE_DURATION:-30s}" --rounds "${GATE_ROUNDS:-10}" --run "$out/run"
analysis run --run "$out/run"
exec analysis compare "$out/run" --cases old,new --margin "${GATE_MARGIN:-2%}" \
    --markdown "$out/comment.md" --junit "$out/junit.xml" --json
