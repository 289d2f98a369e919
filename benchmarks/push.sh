#!/usr/bin/env bash
# What a push costs while more and more is stored, here (SQLite, written through to the disk) and in a Pushgateway (kept in memory): the same
# requests to both, in turn, in one run. Both hold groups of ten series each; then one client pushes to groups that are there.
#
#   benchmarks/push.sh [--pushes 300]
set -euo pipefail
cd "$(dirname "$0")/.."

pushes=300
while [ $# -gt 0 ]; do
  case $1 in
    --pushes) pushes=$2 ;;
    *) echo "unknown option $1; usage: benchmarks/push.sh [--pushes N]" >&2; exit 2 ;;
  esac
  shift 2
done

# shellcheck source=stand.sh
. benchmarks/stand.sh
prepare --only RWGATEWAY_PUSHGATEWAY

echo "== Start"
start_sink 9510
choose_port 9520; pushgateway=$port
start pushgateway "$RWGATEWAY_PUSHGATEWAY" --web.listen-address="127.0.0.1:$pushgateway"
wait_for_url pushgateway "http://127.0.0.1:$pushgateway/-/ready" 20
start_bench_gateway 9530 "{ \"main\": { \"Kind\": \"Prometheus\", \"Url\": \"http://127.0.0.1:$sink\" } }" <<YAML
version: 1
tenants: { bench: { push: { limits: { pushesPerSecond: 0 } } } }
bindings:
- { id: pusher, match: { kind: app, client: [$app_one], role: [Metrics.Write] }, grant: { permissions: [metrics:push], tenants: [bench] } }
YAML
token=$(token_of "$app_one")
{ echo "# TYPE rows_total counter"; for i in 0 1 2 3 4 5 6 7 8 9; do echo "rows_total{table=\"orders_$i\"} 1234567"; done; } >"$work/body"

# push PORT FIRST LAST: pushes to the groups of these numbers over one connection; prints status and seconds of each.
push() {
  local i
  for ((i = $2; i <= $3; i++)); do
    printf 'url = "http://127.0.0.1:%s/metrics/job/nightly/shard/%s"\nrequest = PUT\ndata-binary = "@%s"\noutput = /dev/null\nheader = "Authorization: Bearer %s"\nwrite-out = "%%{http_code} %%{time_total}\\n"\nnext\n' \
      "$1" "$i" "$work/body" "$token"
  done | sed '$d' | curl -s -K - || true
}

percentile() { awk '{ print $2 * 1000 }' | sort -n | awk -v p="$1" '{ v[NR] = $1 } END { i = int(NR * p + 0.999999); printf "%.2f", v[i < 1 ? 1 : i] }'; }

echo "== One client, $pushes pushes of ten series to groups that are there"
printf '%-14s %-16s %10s %10s\n' "stored series" "contestant" "p50 ms" "p95 ms"
have=0
for groups in 100 1000 5000; do
  for target in "$pushgateway" "$gateway"; do
    push "$target" $((have + 1)) "$groups" >"$work/filled"
    awk '$1 != 200 { exit 1 }' "$work/filled" || { echo "a push was refused: $(awk '$1 != 200 { print $1; exit }' "$work/filled")" >&2; exit 1; }
  done
  have=$groups
  sleep 5 # what was filled is written to the store
  for round in 1 2; do
    for target in "$pushgateway" "$gateway"; do
      push "$target" $((groups - 99)) "$groups" >/dev/null
      for ((n = 0; n < pushes; n += 100)); do push "$target" $((groups - 99)) "$groups"; done >"$work/timed"
      name=gateway; [ "$target" = "$gateway" ] || name=pushgateway
      printf '%-14s %-16s %10s %10s\n' "$((groups * 10))" "$name" "$(percentile 0.5 <"$work/timed")" "$(percentile 0.95 <"$work/timed")"
    done
  done
done
tell_machine
