#!/usr/bin/env bash
# Runs the gateway, vmagent and vmauth (and nginx, if installed) before the same sink, in turn, in one run, and prints the ratios of
# their CPU per sample with the budgets they must keep.
#
#   benchmarks/compare.sh [--rounds 3] [--seconds 10] [--rate 300000] [--results FOLDER]
#
# CPU is told per million samples, at a fixed rate, the same for all, and in a closed loop, as many as go through; vmagent's counts
# until its queue is empty. Results are ratios of one run on one machine: run it on an idle one. Exit code 0: all ratios within their
# budgets. 1: not all.
set -euo pipefail
cd "$(dirname "$0")/.."

rounds=3 seconds=10 rate=300000 results=
while [ $# -gt 0 ]; do
  case $1 in
    --rounds) rounds=$2 ;;
    --seconds) seconds=$2 ;;
    --rate) rate=$2 ;;
    --results) results=$2 ;;
    *) echo "unknown option $1; usage: benchmarks/compare.sh [--rounds N] [--seconds N] [--rate N] [--results FOLDER]" >&2; exit 2 ;;
  esac
  shift 2
done

# shellcheck source=stand.sh
. benchmarks/stand.sh
results=${results:-$work/results}
mkdir -p "$results"
prepare

echo "== Start"
start_sink 9300
choose_port 9350; prometheus=$port
start_bench_gateway 9310 "{
    \"stamping\": { \"Kind\": \"Prometheus\", \"Url\": \"http://127.0.0.1:$sink\" },
    \"passing\": { \"Kind\": \"Mimir\", \"Url\": \"http://127.0.0.1:$sink\" },
    \"prometheus\": { \"Kind\": \"Prometheus\", \"Url\": \"http://127.0.0.1:$prometheus\" }
  }" <<YAML
version: 1
tenants: { stamped: { store: stamping }, passed: { store: passing }, stored: { store: prometheus } }
bindings:
- { id: stamped, match: { kind: app, client: [$app_one], role: [Metrics.Write] }, grant: { permissions: [metrics:write], tenants: [stamped] } }
- { id: others, match: { kind: app, client: [$app_two], role: [Metrics.Write] }, grant: { permissions: [metrics:write], tenants: [passed, stored] } }
YAML
token_of "$app_one" >"$work/stamped.token"
token_of "$app_two" >"$work/others.token"

choose_port 9320; vmagent=$port
start vmagent "$RWGATEWAY_VMAGENT" -httpListenAddr="127.0.0.1:$vmagent" -remoteWrite.url="http://127.0.0.1:$sink/api/v1/write" \
  -remoteWrite.forcePromProto -remoteWrite.label=tenant=stamped -remoteWrite.tmpDataPath="$work/vmagent"
wait_for_url vmagent "http://127.0.0.1:$vmagent/health" 20

choose_port 9330; vmauth=$port
printf 'users: [{ bearer_token: "bench", url_prefix: "http://127.0.0.1:%s/" }]\n' "$sink" >"$work/vmauth.yml"
echo bench >"$work/vmauth.token"
start vmauth "$RWGATEWAY_VMAUTH" -httpListenAddr="127.0.0.1:$vmauth" -auth.config="$work/vmauth.yml"
wait_for_url vmauth "http://127.0.0.1:$vmauth/health" 20

nginx=
if command -v nginx >/dev/null; then
  choose_port 9340; nginx=$port
  mkdir "$work/nginx"
  cat >"$work/nginx/nginx.conf" <<CONF
daemon off; master_process off; pid $work/nginx/pid; error_log stderr;
events { worker_connections 512; }
http {
  access_log off; client_max_body_size 0; client_body_buffer_size 1m; client_body_temp_path $work/nginx/body; proxy_temp_path $work/nginx/proxy;
  fastcgi_temp_path $work/nginx/f; uwsgi_temp_path $work/nginx/u; scgi_temp_path $work/nginx/s;
  upstream sink { server 127.0.0.1:$sink; keepalive 64; }
  server { listen 127.0.0.1:$nginx; location / { proxy_pass http://sink; proxy_http_version 1.1; proxy_set_header Connection ""; } }
}
CONF
  start nginx nginx -c "$work/nginx/nginx.conf"
  wait_for_url nginx "http://127.0.0.1:$nginx/stats" 20
else
  echo "nginx is not installed, so its ratio is left out"
fi

# run SCENARIO CONTESTANT PORT GROUP [OPTIONS]: one measured run; any answer but 2xx ends the comparison.
connections=8
run() {
  local scenario=$1 contestant=$2 port=$3 group=$4
  shift 4
  "$driver" load --url "http://127.0.0.1:$port/api/v1/write" --corpus tests/corpus --group "$group" --connections "$connections" \
    --seconds "$seconds" --scenario "$scenario" --contestant "$contestant" --process "$contestant=${started_ids[$contestant]}" \
    --json "$results/$round-$scenario-$contestant.json" "$@"
}

# run_before_store SCENARIO GROUP [OPTIONS]: the gateway before a real and empty Prometheus, whose CPU is watched too. One connection, so
# that the samples of a series keep their order.
run_before_store() {
  local scenario=$1 group=$2 store=prometheus-$round-$1
  shift 2
  start_prometheus "$store" "$prometheus"
  connections=1 run "$scenario" gateway "$gateway" "$group" --restamp --process "store=${started_ids[$store]}" \
    --token-file "$work/others.token" --header "X-Scope-OrgID: stored" "$@"
  stop "$store"
  rm -rf "${work:?}/$store"
}

echo "== Warm-up: until the just-in-time compilers have settled"
mkdir "$work/warm-up"
round=0
results=$work/warm-up run v1 vmagent "$vmagent" prom2k.rw1 --rate "$rate" --settle --pending-metrics "http://127.0.0.1:$vmagent/metrics"
results=$work/warm-up run v1 gateway "$gateway" prom2k.rw1 --rate 600000 --token-file "$work/stamped.token"
results=$work/warm-up run v2 gateway "$gateway" prom2k.rw2 --rate 600000 --token-file "$work/stamped.token"
results=$work/warm-up run passed gateway "$gateway" prom2k.rw1 --rate "$rate" --token-file "$work/others.token" --header "X-Scope-OrgID: passed"
results=$work/warm-up run_before_store store-v1-closed prom2k.rw1 --hours-ago 24
results=$work/warm-up run_before_store store-v2-closed prom2k.rw2 --hours-ago 24

for ((round = 1; round <= rounds; round++)); do
  echo "== Round $round of $rounds"
  run v1 vmagent "$vmagent" prom2k.rw1 --rate "$rate" --settle --pending-metrics "http://127.0.0.1:$vmagent/metrics"
  run v1 gateway "$gateway" prom2k.rw1 --rate "$rate" --token-file "$work/stamped.token"
  run v2 gateway "$gateway" prom2k.rw2 --rate "$rate" --token-file "$work/stamped.token"
  run passed gateway "$gateway" prom2k.rw1 --rate "$rate" --token-file "$work/others.token" --header "X-Scope-OrgID: passed"
  run passed vmauth "$vmauth" prom2k.rw1 --rate "$rate" --token-file "$work/vmauth.token"
  [ -z "$nginx" ] || run passed nginx "$nginx" prom2k.rw1 --rate "$rate"
  run_before_store store-v1 prom2k.rw1 --rate 60000
  run_before_store store-v2 prom2k.rw2 --rate 60000
  run v1-600k gateway "$gateway" prom2k.rw1 --rate 600000 --token-file "$work/stamped.token"
  run v1-closed vmagent "$vmagent" prom2k.rw1 --settle --pending-metrics "http://127.0.0.1:$vmagent/metrics"
  run v1-closed gateway "$gateway" prom2k.rw1 --token-file "$work/stamped.token" --process "sink=${started_ids[sink]}"
  run v2-closed gateway "$gateway" prom2k.rw2 --token-file "$work/stamped.token"
  run passed-closed gateway "$gateway" prom2k.rw1 --token-file "$work/others.token" --header "X-Scope-OrgID: passed"
  run passed-closed vmauth "$vmauth" prom2k.rw1 --token-file "$work/vmauth.token"
  run_before_store store-v1-closed prom2k.rw1 --hours-ago 24
  run_before_store store-v2-closed prom2k.rw2 --hours-ago 24
done

tell_machine
"$driver" compare "$results" --ratio v1/gateway:v1/vmagent=0.45 --ratio v2/gateway:v1/gateway=0.85 \
  --ratio v1-closed/gateway:v1-closed/vmagent=0.45 --ratio v2-closed/gateway:v1-closed/gateway=0.85 --ratio passed-closed/gateway:passed-closed/vmauth=0.6 \
  --ratio passed/gateway:passed/vmauth=0.6 --ratio store-v1/gateway:store-v1/gateway@store=0.10 \
  --ratio store-v2/gateway:store-v2/gateway@store=0.13 --ratio store-v1-closed/gateway:store-v1-closed/gateway@store=0.10 \
  --ratio store-v2-closed/gateway:store-v2-closed/gateway@store=0.13 ${nginx:+--ratio passed/gateway:passed/nginx=2.5}
