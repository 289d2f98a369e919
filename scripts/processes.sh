# Functions to start programs, wait for them and stop them again; sourced by quickstart.sh and benchmarks/compare.sh. Whoever sources
# it sets `work`, an existing folder for logs and data, first. What is started here is stopped by its process id.
# shellcheck shell=bash

# The sample directory of the emulator: its id, the gateway's app registration, and two apps with the role Metrics.Write.
readonly directory_id=11111111-2222-4333-8444-555555555555
readonly gateway_app=aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee
readonly app_one=99999999-0000-4000-8000-000000000001
readonly app_two=99999999-0000-4000-8000-000000000002
readonly app_secret=local-dev-secret

started_names=()
declare -A started_ids=()
taken_ports=' '

# Sets `port` to a free TCP port on loopback: the preferred one if nothing listens there, else one above it. A port is given once.
choose_port() {
  port=$1
  while [[ $taken_ports == *" $port "* ]] || (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; do
    port=$((port + 1))
    [ "$port" -lt 65000 ] || { echo "no free port above $1" >&2; return 1; }
  done
  taken_ports+="$port "
}

# start NAME COMMAND...: runs it in the background with its output in $work/NAME.log; a name is given once.
start() {
  local name=$1
  shift
  "$@" >"$work/$name.log" 2>&1 </dev/null &
  started_ids[$name]=$!
  started_names+=("$name")
}

is_running() { kill -0 "${started_ids[$1]}" 2>/dev/null; }

show_log() {
  printf -- '--- the end of %s.log\n' "$1" >&2
  tail -n 15 "$work/$1.log" | cut -c1-400 >&2
}

# wait_for_url NAME URL SECONDS [CURL OPTIONS]: returns once URL answers 2xx; fails, with the end of the program's log, if the
# program has ended or the time is over.
wait_for_url() {
  local name=$1 url=$2 end=$((SECONDS + $3))
  shift 3
  until curl -sf -m 2 -o /dev/null "$@" "$url"; do
    if ! is_running "$name"; then
      echo "$name ended before it answered at $url" >&2
    elif [ "$SECONDS" -ge "$end" ]; then
      echo "$name does not answer at $url" >&2
    else
      sleep 0.1
      continue
    fi
    show_log "$name"
    return 1
  done
}

# stop NAME: asks it to end, and ends it if it has not after ten seconds.
stop() {
  local id=${started_ids[$1]} end=$((SECONDS + 10))
  kill -TERM "$id" 2>/dev/null || true
  while kill -0 "$id" 2>/dev/null && [ "$SECONDS" -lt "$end" ]; do sleep 0.05; done
  kill -KILL "$id" 2>/dev/null || true
  wait "$id" 2>/dev/null || true
}

# Stops everything, the last started first: a sender then hands over what it holds while gateway and store are still there.
stop_all() {
  local index
  for ((index = ${#started_names[@]} - 1; index >= 0; index--)); do stop "${started_names[$index]}"; done
  started_names=()
}

# Starts the emulator on free ports; sets emulator_https, emulator_http (ports) and emulator_ca (file).
start_emulator() {
  choose_port 5903; emulator_https=$port
  choose_port 5901; emulator_http=$port
  emulator_ca=$work/emulator/ca.pem
  start emulator src/EntraEmulator/bin/Release/net10.0/EntraEmulator --DataDirectory "$work/emulator" \
    --PublicBaseUrl "https://localhost:$emulator_https" --Https "https://127.0.0.1:$emulator_https" --Http "http://127.0.0.1:$emulator_http"
  wait_for_url emulator "https://localhost:$emulator_https/$directory_id/v2.0/.well-known/openid-configuration" 30 --cacert "$emulator_ca"
}

# start_gateway NAME FOLDER: runs the gateway with the appsettings.json of FOLDER as one that trusts the emulator's CA.
start_gateway() {
  start "$1" env -C "$2" SSL_CERT_FILE="$emulator_ca" "$PWD/src/RemoteWriteGateway/bin/Release/net10.0/rwgateway"
}

# token_of CLIENT_ID: prints an access token for the gateway.
token_of() {
  curl -sf --cacert "$emulator_ca" -d grant_type=client_credentials -d "client_id=$1" -d "client_secret=$app_secret" \
    --data-urlencode "scope=api://$gateway_app/.default" "https://localhost:$emulator_https/$directory_id/oauth2/v2.0/token" \
    | sed -E 's/.*"access_token":"([^"]+)".*/\1/'
}
