#!/usr/bin/env bash
# Installs the npm packages that the end-to-end tests read and push through the gateway with, in the versions of
# tests/RemoteWriteGateway.EndToEnd.Tests/Reads/Npm/package-lock.json, into .cache/npm. No script of a package is run.
#
# Needs Node.js 18 or newer (on PATH, or its executable in RWGATEWAY_NODE) and npm. A second run touches neither network nor cache.
set -euo pipefail
cd "$(dirname "$0")/.."

readonly wanted=$PWD/tests/RemoteWriteGateway.EndToEnd.Tests/Reads/Npm
readonly cache=$PWD/.cache/npm

say() { printf 'npm clients: %s\n' "$*" >&2; }

node=${RWGATEWAY_NODE:-$(command -v node || true)}
version=$("${node:-false}" --version 2>/dev/null || true)
if ! [[ $version =~ ^v(1[89]|[2-9][0-9])\. ]]; then
  say "MISSING: Node.js 18 or newer (found: ${version:-none}). Install it (Debian: nodejs), and put it on PATH as \"node\" or name its executable in RWGATEWAY_NODE."
  exit 1
fi

mkdir -p "$cache"
# Two runs at once must not install into each other's folder.
if command -v flock >/dev/null; then
  exec 9>"$cache/lock"
  flock 9
fi

lock=$(cat "$wanted/package.json" "$wanted/package-lock.json" | sha256sum | cut -d' ' -f1)
if [ "$(cat "$cache/installed" 2>/dev/null || true)" != "$lock" ]; then
  command -v npm >/dev/null || { say "MISSING: npm. Install it (Debian: npm)."; exit 1; }
  say "installing"
  rm -rf "$cache/installed" "$cache/node_modules"
  cp "$wanted/package.json" "$wanted/package-lock.json" "$cache/"
  (cd "$cache" && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error >&2) || { say "the packages could not be installed"; exit 1; }
  echo "$lock" >"$cache/installed"
fi
say "all packages are there ($cache/node_modules, Node.js $version)"
