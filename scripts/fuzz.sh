#!/usr/bin/env bash
# The readers of ONNX and safetensors under libFuzzer, by jazzer.js (https://github.com/CodeIntelligenceTesting/jazzer.js)
# from the small models of ONNX's backend suite on. jazzer.js wants a newer glibc than Debian 12 has, so it runs in a
# Debian 13 made by debootstrap. Needs root, debootstrap and the package registries: scripts/fuzz.sh [SECONDS] [MIRROR].
# What it found is kept in .cache/fuzz.
set -euo pipefail
cd "$(dirname "$0")/.."
seconds=${1:-300}
mirror=${2:-http://deb.debian.org/debian}
suite=${DEEPOBF_ONNX_TESTDATA:-/usr/share/libonnx-testdata/data}
for tool in debootstrap npm; do
  command -v "$tool" >/dev/null || { echo "$tool is needed, and is not there" >&2; exit 5; }
done
debian=$(mktemp -d)
trap 'umount -q "$debian/proc" || true; rm -rf --one-file-system "$debian"' EXIT

debootstrap --variant=minbase --include=nodejs trixie "$debian" "$mirror" >/dev/null
mount -t proc proc "$debian/proc"
here="$debian/opt/deepobf"
mkdir -p "$here/node_modules/@bufbuild" "$debian/opt/findings" "$debian/opt/corpus/safetensors"
node node_modules/typescript/bin/tsc -p tsconfig.tools.json
cp -r package.json build/tools/src build/tools/tools "$here"
cp -rL node_modules/@bufbuild/protobuf "$here/node_modules/@bufbuild"
cp -rL node_modules/zod "$here/node_modules"
# The addon stays outside: tensors are what their bytes are.
echo 'export const fromBytes = (bytes, facts) => ({ bytes, ...facts });' > "$here/src/torch/index.js"
npm install --silent --no-audit --no-fund --ignore-scripts --prefix "$debian/opt/jazzer" @jazzer.js/core@4.0.0 >/dev/null

mkdir "$debian/opt/corpus/onnx"
find "$suite/" -name model.onnx -size -3k | while read -r model; do
  cp "$model" "$debian/opt/corpus/onnx/$(basename "$(dirname "$model")")"
done
printf '\x40\0\0\0\0\0\0\0%-64s\1\2\3\4' '{"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}' \
  > "$debian/opt/corpus/safetensors/one"

failed=0
for reader in onnx safetensors; do
  chroot "$debian" /bin/sh -c "cd /opt/deepobf && node ../jazzer/node_modules/.bin/jazzer tools/fuzz/targets.js ../corpus/$reader \
    -f $reader -i src/ --timeout 10000 -- -max_total_time=$seconds -max_len=8192 -artifact_prefix=/opt/findings/$reader- \
    -print_final_stats=1" > "$debian/opt/$reader.log" 2>&1 || failed=1
  tail -n 40 "$debian/opt/$reader.log" | grep -E 'DONE|Error|ERROR|stat::(number|average)|    at ' || true
done
if [ "$failed" = 1 ]; then
  mkdir -p .cache/fuzz
  cp "$debian"/opt/findings/* "$debian"/opt/*.log .cache/fuzz
  echo "found something: see .cache/fuzz" >&2
fi
exit "$failed"
