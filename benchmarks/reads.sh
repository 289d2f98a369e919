#!/usr/bin/env bash
# What reading through the gateway costs beside reading the store alone: an instant query, and a range answer of about 100 MB. A real
# Prometheus is filled through the gateway first.
#
#   benchmarks/reads.sh [--requests 3000] [--large 5]
#
# Both are asked in turn over one connection each. Results are differences and ratios of one run on one machine: run it on an idle one.
set -euo pipefail
cd "$(dirname "$0")/.."

requests=3000 large=5
while [ $# -gt 0 ]; do
  case $1 in
    --requests) requests=$2 ;;
    --large) large=$2 ;;
    *) echo "unknown option $1; usage: benchmarks/reads.sh [--requests N] [--large N]" >&2; exit 2 ;;
  esac
  shift 2
done

# shellcheck source=stand.sh
. benchmarks/stand.sh
readonly reader=88888888-0000-4000-8000-000000000001
prepare --only RWGATEWAY_PROMETHEUS

echo "== Start"
choose_port 9350; prometheus=$port
start_prometheus prometheus "$prometheus"
start_bench_gateway 9310 "{ \"main\": { \"Kind\": \"Prometheus\", \"Url\": \"http://127.0.0.1:$prometheus\" } }" <<YAML
version: 1
tenants: { bench: {} }
bindings:
- { id: writer, match: { kind: app, client: [$app_one], role: [Metrics.Write] }, grant: { permissions: [metrics:write], tenants: [bench] } }
- { id: reader, match: { kind: app, client: [$reader], role: [Metrics.Read] }, grant: { permissions: [metrics:read], tenants: [bench] } }
YAML
token_of "$app_one" >"$work/writer.token"
token_of "$reader" >"$work/reader.token"

echo "== Fill the store"
now=$(date +%s)
"$driver" load --url "http://127.0.0.1:$gateway/api/v1/write" --corpus tests/corpus --group prom10k.rw1 --connections 1 --rate 100000 --warm-up 0 \
  --seconds 6 --restamp --token-file "$work/writer.token"
# api ROUTE NAME=VALUE...: asks the store.
api() {
  local route=$1 arguments=() pair
  shift
  for pair in "$@"; do arguments+=(--data-urlencode "$pair"); done
  curl -sf "http://127.0.0.1:$prometheus/api/v1/$route" "${arguments[@]}"
}
# When the first sample is seen. The range below lies within the five minutes behind it, so that each step finds one.
start=$(api query_range 'query=count({__name__=~".+"})' "start=$((now - 7200))" "end=$((now + 600))" step=5 | sed -E 's/.*"values":\[\[([0-9]+)[^0-9].*/\1/')
[[ $start =~ ^[0-9]+$ ]] || { echo "the store holds nothing of what was written" >&2; exit 1; }
start=$((start + 5)) end=$((start + 285))
series=$(api query 'query=count({__name__=~".+"})' "time=$start" | sed -E 's/.*"value":\[[^,]*,"([^"]*)".*/\1/')
metric=$(api query 'query=topk(1, count by (__name__) ({__name__=~".+"}))' "time=$start" | sed -E 's/.*"__name__":"([^"]*)".*/\1/')
echo "$series series; the instant query asks for $metric"

ask() {
  "$driver" read --store "http://127.0.0.1:$prometheus" --gateway "http://127.0.0.1:$gateway" --token-file "$work/reader.token" \
    --process "${started_ids[gateway]}" "$@"
}

echo "== Instant query"
ask --query "sum by (job) (rate($metric[5m])) or topk(3, $metric)" --end "$start" --requests "$requests" --warm-up 2000 \
  --store-query "sum by (job) (rate($metric{tenant=~\"bench\"}[5m])) or topk(3, $metric{tenant=~\"bench\"})"

# About 22 bytes a point; the step is chosen for 100 MB, and what a Prometheus takes in one query bounds it.
points=$((100000000 / 22 / series)); [ "$points" -le 10000 ] || points=10000
step=$(awk "BEGIN { printf \"%.3f\", 280 / $points }")
echo "== Range of $points points for each series"
ask --query '{__name__=~".+"}' --store-query '{__name__=~".+",tenant=~"bench"}' --start "$start" --end "$end" --step "$step" --requests "$large" --warm-up 2

tell_machine
