#!/usr/bin/env bash
# Brings the real programs that tests and quickstart run against: Prometheus 3, Prometheus 2.53, VictoriaMetrics, vmagent,
# vmauth, Pushgateway, promtool, Docker Compose (which reads the compose file, without an engine).
#
#   scripts/get-peers.sh           finds or downloads them and writes .cache/peers/peers.env
#   scripts/get-peers.sh --list    the same, then prints one line per program: variable, version, path
#   scripts/get-peers.sh --only V  one program, that of variable V; what peers.env tells of others stays
#
# Each program is taken from the first of: its environment variable, PATH (when the version fits), the cache, Debian's newer
# suites. Packages are unpacked into the cache and nothing is installed into the system, so this needs no root. A second run
# touches neither network nor cache. Whoever needs the paths reads peers.env, one NAME=path a line.
set -euo pipefail
cd "$(dirname "$0")/.."

readonly cache=$PWD/.cache/peers
readonly keyring=/usr/share/keyrings/debian-archive-keyring.gpg

# variable; name on PATH; version that fits, as a pattern, or "any"; package/suite; what to call it. "any" is for programs whose
# distribution builds do not tell their version.
readonly programs='
RWGATEWAY_PROMETHEUS;prometheus;^3\.([5-9]|[1-9][0-9])\.;prometheus/sid;Prometheus 3.5 or newer
RWGATEWAY_PROMETHEUS2;prometheus2;^2\.53\.;prometheus/trixie;Prometheus 2.53
RWGATEWAY_VICTORIAMETRICS;victoria-metrics;any;victoria-metrics/sid;VictoriaMetrics, single node
RWGATEWAY_VMAGENT;vmagent;any;victoria-metrics/sid;vmagent
RWGATEWAY_VMAUTH;vmauth;any;victoria-metrics/sid;vmauth
RWGATEWAY_PROMTOOL;promtool;^3\.([5-9]|[1-9][0-9])\.;promtool/sid;promtool 3.5 or newer
RWGATEWAY_COMPOSE;docker-compose;^2\.;docker-compose/sid;Docker Compose 2
RWGATEWAY_PUSHGATEWAY;prometheus-pushgateway;^1\.(1[1-9]|[2-9][0-9])\.;prometheus-pushgateway/sid;Pushgateway 1.11 or newer
'

say() { printf 'peers: %s\n' "$*" >&2; }

# The version that a program states about itself, without a leading v or distribution suffix; empty if it states none.
version_of() {
  local text
  text=$(timeout 20 "$1" --version 2>&1 </dev/null) || true
  grep -oE -m 1 '([0-9]+\.){2}[0-9]+' <<<"$text" | sed -n 1p || true
}

fits() {
  [ -x "$1" ] || return 1
  if [ "$2" = any ]; then timeout 20 "$1" --version >/dev/null 2>&1 </dev/null; else [[ $(version_of "$1") =~ $2 ]]; fi
}

# Debian's names: the Prometheus of either suite is called prometheus.
packaged_name() { if [ "$1" = prometheus2 ]; then echo prometheus; else echo "$1"; fi; }

# The address of a Debian mirror in this machine's own package sources, in either of their two formats; empty if there is none.
mirror() {
  { cat /etc/apt/sources.list /etc/apt/sources.list.d/*.list /etc/apt/sources.list.d/*.sources 2>/dev/null || true; } \
    | grep -vE '^[[:space:]]*#' | grep -oE 'https?://[^[:space:]]+' | grep -m 1 -E '/debian/?$' || true
}

apt_options=()
apt_ready=

# A private package configuration: only the mirror's newer suites, lists and downloads inside the cache.
prepare_apt() {
  [ -z "$apt_ready" ] || return 0
  local tool address
  for tool in apt-get dpkg; do
    command -v "$tool" >/dev/null || { say "this machine has no $tool, so nothing can be downloaded"; return 1; }
  done
  [ -e "$keyring" ] || { say "$keyring is missing; install debian-archive-keyring"; return 1; }
  address=$(mirror)
  [ -n "$address" ] || { say "no Debian mirror in this machine's package sources, so nothing can be downloaded"; return 1; }

  mkdir -p "$cache/apt/lists/partial" "$cache/apt/archives/partial"
  printf "deb [signed-by=$keyring] %s %s main\n" "$address" trixie "$address" sid >"$cache/apt/sources.list"
  apt_options=(
    -o "Dir::Etc::sourcelist=$cache/apt/sources.list" -o Dir::Etc::sourceparts=/dev/null
    -o Dir::Etc::preferences=/dev/null -o Dir::Etc::preferencesparts=/dev/null
    -o "Dir::State::lists=$cache/apt/lists" -o "Dir::Cache=$cache/apt"
    -o APT::Sandbox::User=root -o Acquire::Retries=3)
  say "reading the package lists of trixie and sid"
  apt-get "${apt_options[@]}" -qq update </dev/null || { say "the package lists could not be read"; return 1; }
  apt_ready=yes
}

# Unpacks package/suite into its own folder of the cache. The folder gets its name last, so a broken download is no hit later.
unpack() {
  local folder=$cache/${1/\//-}
  [ ! -d "$folder" ] || return 0
  prepare_apt || return 1
  say "downloading $1"
  rm -rf "$folder.new"
  mkdir -p "$folder.new"
  (
    cd "$folder.new"
    apt-get "${apt_options[@]}" -qq download "$1" </dev/null
    dpkg -x ./*.deb .
    rm ./*.deb
  ) || { say "package $1 could not be downloaded"; return 1; }
  mv "$folder.new" "$folder"
}

# Sets `found` to the path of one program, or fails after saying why.
find_program() {
  local variable=$1 name=$2 pattern=$3 package=$4 candidate
  found=${!variable:-}
  if [ -n "$found" ]; then
    fits "$found" "$pattern" && return 0
    say "$variable names $found, which is no executable of a fitting version ($pattern)"
    return 1
  fi

  for candidate in "$name" "$(packaged_name "$name")"; do
    found=$(command -v "$candidate" || true)
    if [ -n "$found" ] && fits "$found" "$pattern"; then return 0; fi
  done

  unpack "$package" || return 1
  found=$cache/${package/\//-}/usr/bin/$(packaged_name "$name")
  fits "$found" "$pattern" && return 0
  say "$found of package $package is no executable of a fitting version ($pattern)"
  return 1
}

list=
only=
case ${1:-} in
  --list) list=yes ;;
  --only) only=${2:?--only needs the variable of a program} ;;
  '') ;;
  *) say "unknown option $1; usage: scripts/get-peers.sh [--list | --only VARIABLE]"; exit 2 ;;
esac

mkdir -p "$cache"
# Two runs at once, as of a test run beside a quickstart, must not unpack into each other's folders.
if command -v flock >/dev/null; then
  exec 9>"$cache/lock"
  flock 9
fi

missing=0
: >"$cache/peers.env.new"
[ -z "$only" ] || { grep -v "^$only=" "$cache/peers.env" >"$cache/peers.env.new" 2>/dev/null || true; }
while IFS=';' read -r variable name pattern package title; do
  [ -n "$variable" ] || continue
  [ -z "$only" ] || [ "$variable" = "$only" ] || continue
  if find_program "$variable" "$name" "$pattern" "$package"; then
    echo "$variable=$found" >>"$cache/peers.env.new"
    [ -z "$list" ] || printf '%-26s %-10s %s\n' "$variable" "$(version_of "$found")" "$found"
  else
    say "MISSING: $title. Install it, and put it on PATH as \"$name\" or name its executable in $variable."
    missing=$((missing + 1))
  fi
done <<<"$programs"
mv -f "$cache/peers.env.new" "$cache/peers.env"
# The package lists are large and of no use once everything is unpacked.
rm -rf "$cache/apt"

[ "$missing" -eq 0 ] || { say "$missing program(s) missing; tests and quickstart run against the real ones only"; exit 1; }
say "${only:-all real programs}: there ($cache/peers.env)"
