#!/usr/bin/env bash
# What 10,000 groups of 50 series each cost one gateway (SQLite, written through to the disk) before a real Prometheus: how soon all of them are
# written when they are pushed at once, what refreshing them takes and how late it comes, and how soon a push is seen. With --soak it
# then pushes 100 times a second for so many minutes and tells the memory.
#
#   benchmarks/push-scale.sh [--groups 10000] [--soak 0]
#
# Needs python3 (to look into the catalog's file) and some 2 GB of memory for the Prometheus. Run it on an idle machine.
set -euo pipefail
cd "$(dirname "$0")/.."

groups=10000 soak=0
while [ $# -gt 0 ]; do
  case $1 in
    --groups) groups=$2 ;;
    --soak) soak=$2 ;;
    *) echo "unknown option $1; usage: benchmarks/push-scale.sh [--groups N] [--soak MINUTES]" >&2; exit 2 ;;
  esac
  shift 2
done

# shellcheck source=stand.sh
. benchmarks/stand.sh
prepare --only RWGATEWAY_PROMETHEUS

echo "== Start"
choose_port 9610; prometheus=$port
start_prometheus prometheus "$prometheus"
start_bench_gateway 9620 "{ \"main\": { \"Kind\": \"Prometheus\", \"Url\": \"http://127.0.0.1:$prometheus\" } }" <<YAML
version: 1
tenants: { bench: { push: { limits: { pushesPerSecond: 0, maxGroups: 20000, maxSeries: 2000000, maxStoredBytes: 1073741824 } } } }
bindings:
- { id: pusher, match: { kind: app, client: [$app_one], role: [Metrics.Write] }, grant: { permissions: [metrics:push], tenants: [bench] } }
YAML
readonly process=${started_ids[gateway]} catalog=$work/gateway/data/catalog.db
token=$(token_of "$app_one")

# body SERIES FIRST: a counter of so many series, from this value on.
body() {
  echo "# TYPE rows_total counter"
  local i
  for ((i = 0; i < $1; i++)); do echo "rows_total{table=\"orders_$i\"} $(($2 + i))"; done
}
# push BODY JOB FIRST LAST [CURL OPTIONS]: pushes to these groups over one connection; prints status and seconds of each.
push() {
  local body=$1 job=$2 first=$3 last=$4 i
  shift 4
  for ((i = first; i <= last; i++)); do
    printf 'url = "http://127.0.0.1:%s/metrics/job/%s/shard/%s"\nrequest = PUT\ndata-binary = "@%s"\noutput = /dev/null\nheader = "Authorization: Bearer %s"\nwrite-out = "%%{http_code} %%{time_total}\\n"\nnext\n' \
      "$gateway" "$job" "$i" "$body" "$token"
  done | sed '$d' | curl -s "$@" -K - || true
}
must_be_stored() { awk '$1 != 200 { print "a push was answered " $1; bad = 1; exit } END { exit bad }' "$1" >&2; }
in_catalog() { python3 -c 'import sqlite3, sys; print(sqlite3.connect(f"file:{sys.argv[1]}?mode=ro", uri=True).execute(sys.argv[2]).fetchone()[0])' "$catalog" "$1"; }
cpu_ticks() { awk '{ print $14 + $15 }' "/proc/$process/stat"; }
resident_mb() { awk '/VmRSS/ { printf "%d", $2 / 1024 }' "/proc/$process/status"; }
since() { awk -v from="$1" -v to="$(date +%s.%N)" 'BEGIN { printf "%.2f", to - from }'; }

echo "== 2,000 new groups of one series, one client"
body 1 1 >"$work/one"
from=$(date +%s.%N)
push "$work/one" small 1 2000 >"$work/small"
must_be_stored "$work/small"
echo "took $(since "$from") s (budget 5)"
curl -sf -o /dev/null -X PUT -H "Authorization: Bearer $token" "http://127.0.0.1:$gateway/metrics/job/warm" --data-binary "@$work/one"

echo "== $groups groups of 50 series, pushed at once by eight clients"
body 50 1 >"$work/fifty"
from=$(date +%s.%N)
clients=() part=$(((groups + 7) / 8))
for ((client = 0; client < 8; client++)); do
  last=$(((client + 1) * part)); [ "$last" -le "$groups" ] || last=$groups
  push "$work/fifty" nightly $((client * part + 1)) "$last" >"$work/filled.$client" &
  clients+=($!)
done
wait "${clients[@]}"
for ((client = 0; client < 8; client++)); do must_be_stored "$work/filled.$client"; done
echo "answered after $(since "$from") s"
answered=$(date +%s.%N)
while [ "$(in_catalog 'SELECT count(*) FROM push_groups WHERE dirty_since_ms IS NOT NULL')" -gt 0 ]; do sleep 0.2; done
echo "all written after $(since "$from") s, $(since "$answered") s after the last answer (budget 30)"

echo "== Refresh: three times all groups"
sleep 90
written="SELECT json_group_object(hex(key), last_write_ms) FROM push_groups WHERE state = 0"
for round in 1 2 3; do
  in_catalog "$written" >"$work/before"
  ticks=$(cpu_ticks) from=$(date +%s.%N)
  sleep 62 # what is not written again by now is more than two seconds late
  used=$(($(cpu_ticks) - ticks)) took=$(since "$from")
  in_catalog "$written" >"$work/after"
  python3 - "$work/before" "$work/after" "$used" "$(getconf CLK_TCK)" "$took" <<'PYTHON'
import json, sys
before, after = (json.load(open(path)) for path in sys.argv[1:3])
gaps = sorted(after[key] - before[key] for key in before)
late = sorted(gap % 60000 if gap % 60000 < 30000 else gap % 60000 - 60000 for gap in gaps)
missed = sum(gap < 30000 for gap in gaps)
used = int(sys.argv[3]) / int(sys.argv[4]) * 60 / float(sys.argv[5])
print(f"{len(gaps)} groups: {used:.2f} CPU-s of the gateway a refresh (budget 2), "
      f"against the write before {late[0]} to {late[-1]} ms (p99 {late[len(late) * 99 // 100]} ms; budget 2,000), {missed} not refreshed")
PYTHON
done

echo "== A push until it is seen by an instant query"
query() { curl -sf "http://127.0.0.1:$prometheus/api/v1/query" --data-urlencode "query=rows_total{job=\"nightly\",shard=\"$1\",table=\"orders_0\"}" | sed -E 's/.*"value":\[[^,]*,"([^"]*)".*/\1/'; }
for ((i = 1; i <= 200; i++)); do
  body 50 $((1000000 + i)) >"$work/seen.body"
  from=$(date +%s.%N)
  push "$work/seen.body" nightly "$i" "$i" >"$work/seen"
  must_be_stored "$work/seen"
  until [ "$(query "$i")" = $((1000000 + i)) ]; do :; done
  since "$from"
  echo
done | sort -n | awk '{ v[NR] = $1 } END { printf "p50 %.2f s, p99 %.2f s (budget 1), most %.2f s\n", v[int(NR / 2)], v[int(NR * 0.99)], v[NR] }'

if [ "$soak" -gt 0 ]; then
  echo "== $soak minutes of 100 pushes a second"
  seen_at=$(date +%s)
  for ((minute = 1; minute <= soak; minute++)); do
    token=$(token_of "$app_one")
    ticks=$(cpu_ticks)
    body 50 $((2000000 + minute)) >"$work/soak.body"
    first=$(((minute * 6000) % (groups - 6000) + 1))
    from=$(date +%s.%N)
    push "$work/soak.body" nightly "$first" $((first + 5999)) --rate 100/s >"$work/soak"
    must_be_stored "$work/soak"
    echo "minute $minute: $(resident_mb) MB, $(awk -v t=$(($(cpu_ticks) - ticks)) -v hz="$(getconf CLK_TCK)" 'BEGIN { printf "%.1f", t / hz }') CPU-s, 6,000 pushes in $(since "$from") s," \
      "p50 $(awk '{ print $2 * 1000 }' "$work/soak" | sort -n | awk '{ v[NR] = $1 } END { printf "%.1f ms, p99 %.1f ms", v[int(NR / 2)], v[int(NR * 0.99)] }')"
    if [ "$minute" = 12 ]; then
      # Not pushed since the beginning, and more than ten minutes old.
      echo "a group that was last pushed $((($(date +%s) - seen_at))) s ago and more: warm = $(curl -sf "http://127.0.0.1:$prometheus/api/v1/query" --data-urlencode 'query=rows_total{job="warm"}' | sed -E 's/.*"value":\[[^,]*,"([^"]*)".*/\1/')"
    fi
  done
fi
tell_machine
