#!/usr/bin/env bash
# The main job on real programs: a Prometheus with an Entra-shaped token writes through the gateway into another Prometheus, under its
# own tenant, whatever tenant its series claim; a batch job pushes its last numbers with curl; a reader's token then reads its own
# tenant through the gateway, and no other.
#
#   ./quickstart.sh            starts everything, shows what to look at, runs until Ctrl-C
#   ./quickstart.sh --check    starts everything, verifies it, stops it; exit code 0 or 1
#
# Everything runs on loopback and keeps its data in a temporary folder, which goes when the script ends.
set -euo pipefail
cd "$(dirname "$0")"

step() { printf '== %s\n' "$*"; }
die() { printf 'quickstart.sh: %s\n' "$*" >&2; exit 2; }

check=
case ${1:-} in
  --check) check=yes ;;
  '') ;;
  *) die "unknown option $1; usage: ./quickstart.sh [--check]" ;;
esac

export DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1 DOTNET_CLI_USE_MSBUILD_SERVER=0 MSBUILDDISABLENODEREUSE=1
command -v curl >/dev/null || die "curl is missing: install it"
command -v dotnet >/dev/null || die "the .NET SDK is missing: install version 10.0 and put dotnet on PATH"
dotnet --version >/dev/null 2>&1 || die "no installed .NET SDK satisfies global.json; dotnet --list-sdks shows what is there"

work=$(mktemp -d)
# shellcheck source=scripts/processes.sh
. scripts/processes.sh
finish() {
  local verdict=$?
  trap - EXIT INT TERM
  # What went wrong stands at the end of some log. Shown before anything is stopped, so that the stopping does not bury it.
  case $verdict in
    0 | 2) ;;
    *)
      local name
      for name in ${started_names[@]+"${started_names[@]}"}; do show_log "$name"; done
      verdict=1
      ;;
  esac
  stop_all
  rm -rf "$work"
  exit "$verdict"
}
trap finish EXIT
trap 'echo; step "Stopping"; exit 0' INT TERM

# --- Start -------------------------------------------------------------------------------------------------------------------

step "Prometheus"
scripts/get-peers.sh --only RWGATEWAY_PROMETHEUS || die "the quickstart needs the program named above"
# shellcheck disable=SC1091
. .cache/peers/peers.env

step "Build"
for project in src/RemoteWriteGateway src/EntraEmulator; do
  dotnet build "$project" -c Release -v quiet -nologo -clp:ErrorsOnly -p:UseSharedCompilation=false -nodeReuse:false </dev/null \
    || die "the build failed"
done

step "Store: Prometheus"
choose_port 9090; store=http://127.0.0.1:$port
mkdir "$work/store" "$work/sender" "$work/gateway"
echo '{}' >"$work/store/prometheus.yml"
start store "$RWGATEWAY_PROMETHEUS" --config.file="$work/store/prometheus.yml" --storage.tsdb.path="$work/store/data" \
  --web.listen-address="${store#http://}" --web.enable-remote-write-receiver --enable-feature=native-histograms,exemplar-storage
wait_for_url store "$store/-/ready" 30

step "Emulator of Entra ID"
start_emulator

step "Gateway"
choose_port 8080; gateway=http://127.0.0.1:$port
choose_port 8081; management=http://127.0.0.1:$port
cat >"$work/gateway/policy.yaml" <<YAML
version: 1
directory: $directory_id
tenants: { payments: { owner: team-payments }, platform: { owner: team-platform } }
bindings:
- id: prom-payments                      # this app, and only with this role, writes as payments
  match: { kind: app, client: [$app_one], role: [Metrics.Write] }
  grant: { permissions: [metrics:write, metrics:push], tenants: [payments] }
- id: vmagent-platform
  match: { kind: app, client: [$app_two], role: [Metrics.Write] }
  grant: { permissions: [metrics:write], tenants: [platform] }
- id: readers-payments                   # each team's app reads what is its team's
  match: { kind: app, client: [$app_one], role: [Metrics.Write] }
  grant: { permissions: [metrics:read], tenants: [payments] }
- id: readers-platform
  match: { kind: app, client: [$app_two], role: [Metrics.Write] }
  grant: { permissions: [metrics:read], tenants: [platform] }
YAML
cat >"$work/gateway/appsettings.json" <<JSON
{
  "Http": { "Url": "$gateway", "DrainDelay": "00:00:00" },
  "Management": { "Url": "$management" },
  "AzureAd": { "Instance": "https://localhost:$emulator_https/", "TenantId": "$directory_id", "ClientId": "$gateway_app" },
  "Identity": { "AllowEmulator": true },
  "Policy": { "Path": "policy.yaml" },
  "Stores": { "main": { "Kind": "Prometheus", "Url": "$store" } }
}
JSON
start_gateway gateway "$work/gateway"
wait_for_url gateway "$management/-/ready" 30

step "Sender: a Prometheus that scrapes itself, once plainly and once claiming to be tenant platform"
choose_port 9091; sender=http://127.0.0.1:$port
echo "$app_secret" >"$work/sender/client-secret"
cat >"$work/sender/prometheus.yml" <<YAML
global: { scrape_interval: 1s }
scrape_configs:
- job_name: honest
  static_configs: [{ targets: ["${sender#http://}"] }]
- job_name: impostor
  static_configs: [{ targets: ["${sender#http://}"], labels: { tenant: platform } }]
remote_write:
- url: $gateway/api/v1/write
  oauth2:
    client_id: $app_one
    client_secret_file: $work/sender/client-secret
    token_url: https://localhost:$emulator_https/$directory_id/oauth2/v2.0/token
    scopes: ["api://$gateway_app/.default"]
    tls_config: { ca_file: $emulator_ca }
  queue_config: { batch_send_deadline: 500ms }
YAML
start sender "$RWGATEWAY_PROMETHEUS" --config.file="$work/sender/prometheus.yml" --storage.tsdb.path="$work/sender/data" \
  --web.listen-address="${sender#http://}"
wait_for_url sender "$sender/-/ready" 30

# --- Read back ---------------------------------------------------------------------------------------------------------------

# query SERVER EXPRESSION: the answer of the Prometheus query API.
query() { curl -sf -m 10 -G "$1/api/v1/query" --data-urlencode "query=$2"; }

# samples SERVER SELECTOR: time and value of every sample of the one series, a line each.
samples() { query "$1" "$2[5m]" | grep -oE '\[[0-9.]+,"[^"]*"\]' || true; }

count_of() { query "$1" "count($2) or vector(0)" | grep -oE '"[0-9]+"\]' | tr -dc '0-9'; }

step "Waiting for stamped samples in the store"
end=$((SECONDS + 60))
for job in honest impostor; do
  until [ "$(samples "$store" "up{job=\"$job\",tenant=\"payments\"}" | wc -l)" -ge 5 ]; do
    if [ "$SECONDS" -ge "$end" ]; then
      echo "no samples of job $job arrived under tenant payments within a minute" >&2
      exit 1
    fi
    sleep 0.3
  done
done

step "The store holds, by sender's job"
query "$store" 'up' | grep -oE '"metric":\{[^}]*\},"value":\[[^]]*\]' | sed 's/^"metric"://; s/,"value":/  /'

token=$(token_of "$app_one")
other_token=$(token_of "$app_two")

# read_as TOKEN EXPRESSION: the value of an expression of one sample, asked through the gateway.
read_as() {
  curl -s -m 10 -H "Authorization: Bearer $1" "$gateway/api/v1/query" --data-urlencode "query=$2" | grep -oE '"[0-9.]+"\]' | tr -dc '0-9.' || true
}

# push_as TOKEN METHOD [CURL OPTIONS]: sends to the group of job nightly, as to a Pushgateway; prints the status.
push_as() {
  local bearer=$1 method=$2
  shift 2
  curl -s -m 10 -o /dev/null -w '%{http_code}' -X "$method" -H "Authorization: Bearer $bearer" "$@" "$gateway/metrics/job/nightly"
}

step "A batch job pushes its last numbers"
pushed=$(printf '# TYPE nightly_rows gauge\nnightly_rows 42\n' | push_as "$token" PUT --data-binary @-)
end=$((SECONDS + 15))
until [ "$(read_as "$token" nightly_rows)" = 42 ] || [ "$SECONDS" -ge "$end" ]; do sleep 0.2; done
curl -s -m 10 -H "Authorization: Bearer $token" "$gateway/api/v1/query" --data-urlencode 'query={job="nightly"}' \
  | grep -oE '"metric":\{[^}]*\},"value":\[[^]]*\]' | sed 's/^"metric"://; s/,"value":/  /' || true

# --- Verify ------------------------------------------------------------------------------------------------------------------

failures=0
expect() { # WHAT ACTUAL EXPECTED
  if [ "$2" = "$3" ]; then
    printf '  ok    %s\n' "$1"
  else
    printf '  WRONG %s: got "%s", expected "%s"\n' "$1" "$2" "$3"
    failures=$((failures + 1))
  fi
}

# write_as TOKEN [CURL OPTIONS]: sends an empty write; prints status and reason id, as in "403 tenant-not-granted".
write_as() {
  local bearer=$1
  shift
  curl -s -m 10 -X POST -H "Authorization: Bearer $bearer" -w '\n%{http_code}' "$@" "$gateway/api/v1/write" \
    | awk '{ line[NR] = $0 } END { split(line[1], reason, ":"); print line[NR], (NR > 1 ? reason[1] : "") }' | sed 's/ $//'
}

verify() {
  local job first last stored sent
  for job in honest impostor; do
    # The sender is ahead of the store by what is on its way, so both are compared over the time that the store has.
    stored=$(samples "$store" "process_cpu_seconds_total{job=\"$job\",tenant=\"payments\"}")
    first=$(head -n 1 <<<"$stored" | grep -oE '[0-9.]+' | sed -n 1p)
    last=$(tail -n 1 <<<"$stored" | grep -oE '[0-9.]+' | sed -n 1p)
    sent=$(samples "$sender" "process_cpu_seconds_total{job=\"$job\"}" | awk -F'[][,]' -v a="$first" -v b="$last" '$2 >= a && $2 <= b')
    expect "job $job: $(wc -l <<<"$stored") samples of process_cpu_seconds_total equal the sender's" "$stored" "$sent"
  done
  expect "the sender's impostor claims tenant platform" "$(count_of "$sender" '{job="impostor",tenant!="platform"}')" 0
  expect "series in the store under a tenant other than payments" "$(count_of "$store" '{__name__!="",tenant!="payments"}')" 0
  expect "series in the store with a trace of the claimed tenant" "$(count_of "$store" '{__name__!="",exported_tenant!=""}')" 0
  expect "asking for tenant platform by header" "$(write_as "$token" -H 'X-Scope-OrgID: platform')" "403 tenant-not-granted"
  expect "asking for tenant platform by path" \
    "$(curl -s -m 10 -X POST -H "Authorization: Bearer $token" "$gateway/tenants/platform/api/v1/write" | cut -d: -f1)" tenant-not-granted
  expect "a token that is none" "$(write_as not-a-token)" "401 malformed-token"
  expect "series of job impostor that a reader of payments sees" "$(read_as "$token" 'count(up{job="impostor"})')" 1
  expect "the same, asked as tenant platform's" "$(read_as "$token" 'count(up{job="impostor",tenant="platform"}) or vector(0)')" 0
  expect "series that a reader of platform sees, whatever it asks for" "$(read_as "$other_token" 'count({__name__!="",tenant=~".*"}) or vector(0)')" 0
  expect "tenants that a reader of payments sees" \
    "$(curl -s -m 10 -H "Authorization: Bearer $token" "$gateway/api/v1/label/tenant/values")" '{"status":"success","data":["payments"]}'
  expect "the store's configuration" \
    "$(curl -s -m 10 -H "Authorization: Bearer $token" "$gateway/api/v1/status/config" | grep -oE 'endpoint-refused' || true)" endpoint-refused
  expect "a read without a token" "$(curl -s -m 10 "$gateway/api/v1/query?query=up" | grep -oE 'no-credentials' || true)" no-credentials
  expect "a push" "$pushed" 200
  expect "what was pushed, read through the gateway" "$(read_as "$token" 'nightly_rows{tenant="payments",job="nightly"}')" 42
  expect "what was pushed, as tenant platform's" "$(read_as "$other_token" 'count(nightly_rows) or vector(0)')" 0
  expect "a push by an app that may not" "$(push_as "$other_token" PUT --data-binary 'nightly_rows 1')" 403
  expect "deleting what was pushed" "$(push_as "$token" DELETE)" 202
  local until=$((SECONDS + 15))
  until [ "$(read_as "$token" 'count({job="nightly"}) or vector(0)')" = 0 ] || [ "$SECONDS" -ge "$until" ]; do sleep 0.2; done
  expect "what was pushed and deleted" "$(read_as "$token" 'count({job="nightly"}) or vector(0)')" 0
  local head=${token%.*} signature=${token##*.}
  expect "a token with a changed signature" "$(write_as "$head.$(tr 'A-Za-z' 'B-ZAb-za' <<<"${signature:0:8}")${signature:8}")" "401 bad-signature"
  expect "no token" "$(curl -s -m 10 -X POST "$gateway/api/v1/write" | cut -d: -f1)" no-credentials
  local refused
  refused=$(curl -sf "$management/metrics" | awk '/^rwgateway_ingest_refused_items_total\{/ { sum += $NF } END { print sum + 0 }')
  expect "items that the gateway refused" "$refused" 0
}

if [ -n "$check" ]; then
  step "Checks"
  verify
  [ "$failures" -eq 0 ] || { echo "$failures check(s) failed"; exit 1; }
  step "All checks passed"
  exit 0
fi

# --- Show --------------------------------------------------------------------------------------------------------------------

cat <<TEXT

Running until Ctrl-C. Data and logs: $work

  store     $store         (Prometheus: what arrived, under tenant="payments")
  sender    $sender         (Prometheus: what was sent; job="impostor" claims tenant="platform")
  gateway   $gateway         (POST /api/v1/write, GET /api/v1/query …; policy: $work/gateway/policy.yaml)
  metrics   $management/metrics
  emulator  https://localhost:$emulator_https/         (a page to copy tokens from; CA: $emulator_ca)

A query: what the impostor sent, and what was stored
  curl -s '$sender/api/v1/query' --data-urlencode 'query=up{job="impostor"}'; echo
  curl -s '$store/api/v1/query' --data-urlencode 'query=up{job="impostor"}'; echo

A token of the app that writes as payments
  TOKEN=\$(curl -s --cacert $emulator_ca -d grant_type=client_credentials -d client_id=$app_one -d client_secret=$app_secret \\
    --data-urlencode scope=api://$gateway_app/.default https://localhost:$emulator_https/$directory_id/oauth2/v2.0/token \\
    | sed -E 's/.*"access_token":"([^"]+)".*/\1/')

A reader: the same token sees its own tenant, and of another one nothing
  curl -s -H "Authorization: Bearer \$TOKEN" $gateway/api/v1/query --data-urlencode 'query=up'; echo
  curl -s -H "Authorization: Bearer \$TOKEN" $gateway/api/v1/query --data-urlencode 'query=up{tenant="platform"}'; echo

A push, as to a Pushgateway; it is there until it is deleted
  echo 'nightly_rows 42' | curl -i --data-binary @- -H "Authorization: Bearer \$TOKEN" $gateway/metrics/job/nightly
  curl -s -H "Authorization: Bearer \$TOKEN" $gateway/api/v1/query --data-urlencode 'query=nightly_rows'; echo
  curl -i -X DELETE -H "Authorization: Bearer \$TOKEN" $gateway/metrics/job/nightly

A spoof: the same token asks for another tenant; 403 tenant-not-granted
  curl -i -X POST -H "Authorization: Bearer \$TOKEN" -H 'X-Scope-OrgID: platform' $gateway/api/v1/write

A bad token; 401 with the reason
  curl -i -X POST -H 'Authorization: Bearer not-a-token' $gateway/api/v1/write

TEXT

while true; do
  for name in "${started_names[@]}"; do
    is_running "$name" || { echo "$name has ended" >&2; exit 1; }
  done
  sleep 1
done
