# What the benchmark scripts have in common: real programs, build, and a gateway before stores. Sourced from the top of the repository; sets
# `work`, a folder that goes when the script ends, and `driver`.
# shellcheck shell=bash

work=$(mktemp -d)
# shellcheck source=../scripts/processes.sh
. scripts/processes.sh
finish() { stop_all; rm -rf "$work"; }
trap finish EXIT
trap 'exit 130' INT TERM
readonly driver=benchmarks/RemoteWriteGateway.LoadDriver/bin/Release/net10.0/RemoteWriteGateway.LoadDriver

# prepare [OPTIONS OF GET-PEERS]: brings the real programs and builds.
prepare() {
  echo "== Real programs, build"
  scripts/get-peers.sh "$@"
  # shellcheck disable=SC1091
  . .cache/peers/peers.env
  local project
  for project in src/RemoteWriteGateway src/EntraEmulator benchmarks/RemoteWriteGateway.LoadDriver; do
    dotnet build "$project" -c Release -v quiet -nologo -clp:ErrorsOnly -p:UseSharedCompilation=false -nodeReuse:false
  done
}

# start_sink PORT: a store that takes everything, on this port or one above it; sets `sink`.
start_sink() {
  choose_port "$1"; sink=$port
  start sink "$driver" sink --url "http://127.0.0.1:$sink"
  wait_for_url sink "http://127.0.0.1:$sink/stats" 20
}

# start_prometheus NAME PORT: an empty Prometheus that takes remote write.
start_prometheus() {
  mkdir "$work/$1"
  echo '{}' >"$work/$1/prometheus.yml"
  start "$1" "$RWGATEWAY_PROMETHEUS" --config.file="$work/$1/prometheus.yml" --storage.tsdb.path="$work/$1/data" \
    --web.listen-address="127.0.0.1:$2" --web.enable-remote-write-receiver --enable-feature=native-histograms,exemplar-storage
  wait_for_url "$1" "http://127.0.0.1:$2/-/ready" 30
}

# start_bench_gateway PORT STORES: the emulator, and a gateway on this port or one above it with the policy of the input and these stores (JSON);
# sets `gateway` and `management`.
start_bench_gateway() {
  start_emulator
  choose_port "$1"; gateway=$port
  choose_port "$1"; management=$port
  mkdir "$work/gateway"
  cat >"$work/gateway/policy.yaml"
  cat >"$work/gateway/appsettings.json" <<JSON
{
  "Http": { "Url": "http://127.0.0.1:$gateway", "DrainDelay": "00:00:00" },
  "Management": { "Url": "http://127.0.0.1:$management" },
  "AzureAd": { "Instance": "https://localhost:$emulator_https/", "TenantId": "$directory_id", "ClientId": "$gateway_app" },
  "Identity": { "AllowEmulator": true },
  "Stores": $2
}
JSON
  start_gateway gateway "$work/gateway"
  wait_for_url gateway "http://127.0.0.1:$management/-/ready" 30
}

# tell_machine: what the numbers were measured on.
tell_machine() { echo "== $(grep -m 1 'model name' /proc/cpuinfo | cut -d: -f2 | xargs), $(nproc) CPUs, $(uname -sr), .NET $(dotnet --version)"; }
