#!/usr/bin/env bash
# A bare Debian 12, made by debootstrap, in which `npm ci` must be silent with npm 10 and 11, from Node.js 22 on with
# npm 12 too, and `deepobf inspect` must then answer; so must `npx deepobf` where what `npm pack`
# makes of it is installed in an empty folder. Needs root, debootstrap and the package registries: scripts/bare-debian.sh [MIRROR].
set -euo pipefail
cd "$(dirname "$0")/.."
mirror=${1:-http://deb.debian.org/debian}
registry=$(npm config get registry)
for tool in debootstrap npm node; do
  command -v "$tool" >/dev/null || { echo "$tool is needed, and is not there" >&2; exit 5; }
done
bare=$(mktemp -d)
trap 'umount -q "$bare/proc" || true; rm -rf --one-file-system "$bare"' EXIT

debootstrap --variant=minbase --include=ca-certificates bookworm "$bare" "$mirror" >/dev/null
mount -t proc proc "$bare/proc"
cp -L /etc/resolv.conf "$bare/etc/resolv.conf"
# The registry may be one of the house, with a certificate that this machine trusts.
cp -L /etc/ssl/certs/ca-certificates.crt "$bare/etc/ssl/certs/ca-certificates.crt"
# Node.js as it is here, with the libraries that it needs.
cp "$(command -v node)" "$bare/usr/local/bin/node"
ldd "$(command -v node)" | grep -o '/[^ ]*' | while read -r library; do
  [ -e "$bare$library" ] || cp --parents -L "$library" "$bare"
done

# Nothing of this machine's environment, where npm keeps settings of its own.
inside() {
  chroot "$bare" /usr/bin/env -i PATH=/usr/local/bin:/usr/bin:/bin HOME=/root \
    NODE_EXTRA_CA_CERTS=/etc/ssl/certs/ca-certificates.crt /bin/sh -c "$1"
}

failed=0
# npm 12 asks for Node.js 22.
versions="10 11"
if [ "$(node -p 'process.versions.node.split(".")[0]')" -ge 22 ]; then versions="$versions 12"; fi
for version in $versions; do
  tools="$bare/opt/npm-$version"
  mkdir -p "$tools" "$bare/opt/deepobf-$version"
  npm install --silent --ignore-scripts --prefix "$tools" "npm@$version" >/dev/null
  git archive HEAD | tar -x -C "$bare/opt/deepobf-$version"
  commands="/opt/npm-$version/node_modules/npm/bin"
  settings="--no-audit --no-fund --no-update-notifier --registry '$registry'"
  said=$(inside "cd /opt/deepobf-$version && node $commands/npm-cli.js ci $settings 2>&1 >/dev/null") || failed=1
  if [ -n "$said" ]; then echo "npm $version says: $said"; failed=1; fi
  if inside "cd /opt/deepobf-$version && node scripts/build.mjs --quiet >/dev/null &&
    node bin/deepobf.js inspect examples/resnet8-fashion-mnist.onnx --json" >/dev/null; then
    echo "npm $version: installed without a word, and inspect answers"
  else
    failed=1
  fi
  mkdir "$bare/opt/packed-$version" "$bare/opt/empty-$version"
  # Not without a word: from 11 on npm names scripts that no setting of a dependency allows.
  if inside "cd /opt/deepobf-$version &&
    node $commands/npm-cli.js pack --silent --pack-destination /opt/packed-$version &&
    cd /opt/empty-$version && node $commands/npm-cli.js install --silent $settings /opt/packed-$version/*.tgz &&
    node $commands/npx-cli.js --no-install deepobf --version" >/dev/null; then
    echo "npm $version: the package is installed, and npx deepobf answers"
  else
    failed=1
  fi
done
exit "$failed"
