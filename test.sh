#!/usr/bin/env bash
# Builds everything with warnings as errors and runs every test. The last line says: N passed, N failed, N skipped.
#
#   ./test.sh                  all tests, the fuzz tests for RWGATEWAY_FUZZ_SECONDS (60) seconds each
#   ./test.sh --fast           unit tests and in-process tests only: of the real programs only PostgreSQL, fuzz tests at their own short default
#   ./test.sh --fuzz SECONDS   fuzz tests for SECONDS seconds each
#
# Exit code 0: everything passed. 1: a test failed, a project left no results, or nothing ran. 2: something is missing.
set -euo pipefail
cd "$(dirname "$0")"
exec </dev/null

readonly results=$PWD/TestResults
# Longer than any project needs; a test that hangs for ever must not hang whoever waits for this script.
readonly project_limit=30m

step() { printf '\n== %s\n' "$*"; }
die() { printf 'test.sh: %s\n' "$*" >&2; exit 2; }

fast=
fuzz=${RWGATEWAY_FUZZ_SECONDS:-}
while [ $# -gt 0 ]; do
  case $1 in
    --fast) fast=yes ;;
    --fuzz) shift; fuzz=${1:-} ; [[ $fuzz =~ ^[0-9]+$ ]] || die "--fuzz takes a number of seconds" ;;
    *) die "unknown option $1; usage: ./test.sh [--fast] [--fuzz SECONDS]" ;;
  esac
  shift
done

# Every process that comes from here carries this mark, so that whatever outlives its test can be found and ended by its id.
export RWGATEWAY_RUN=test-$$-$(date +%s)
# Servers that the SDK would leave behind to be quicker next time.
export DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1 DOTNET_CLI_USE_MSBUILD_SERVER=0 MSBUILDDISABLENODEREUSE=1
# What the caller's shell trusts must not decide what the programs under test trust.
unset SSL_CERT_FILE SSL_CERT_DIR

end_leftovers() {
  local process id
  for process in /proc/[0-9]*; do
    id=${process#/proc/}
    # This shell itself got its environment before the mark was set, so it does not carry it.
    grep -qszx "RWGATEWAY_RUN=$RWGATEWAY_RUN" "$process/environ" || continue
    printf 'test.sh: ending process %s, which outlived its test: %s\n' "$id" "$(tr '\0' ' ' 2>/dev/null <"$process/cmdline" | cut -c1-120)" >&2
    kill -KILL "$id" 2>/dev/null || true
  done
}
trap end_leftovers EXIT

step "SDK"
command -v dotnet >/dev/null || die "the .NET SDK is missing: install version 10.0 and put dotnet on PATH"
version=$(dotnet --version 2>/dev/null) \
  || die "no installed .NET SDK satisfies global.json ($(grep -oE '"version": *"[^"]+"' global.json)); dotnet --list-sdks shows what is there"
echo ".NET SDK $version"

step "PostgreSQL"
# The folder with initdb and postgres: named, on PATH, or where Debian puts it. The tests look in the same places.
if [ -z "${RWGATEWAY_POSTGRES_BIN:-}" ]; then
  for folder in "$(dirname "$(command -v initdb || echo /nowhere/initdb)")" $(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -rV); do
    if [ -x "$folder/initdb" ] && [ -x "$folder/postgres" ]; then
      export RWGATEWAY_POSTGRES_BIN=$folder
      break
    fi
  done
fi
[ -x "${RWGATEWAY_POSTGRES_BIN:-/nowhere}/postgres" ] && [ -x "$RWGATEWAY_POSTGRES_BIN/initdb" ] \
  || die "the tests need a PostgreSQL server: install it (Debian: postgresql), or name the folder with initdb and postgres in RWGATEWAY_POSTGRES_BIN"
"$RWGATEWAY_POSTGRES_BIN/postgres" --version
# It refuses to run as root; then the tests run it as the user that its package has made.
if [ "$(id -u)" = 0 ]; then
  id postgres >/dev/null 2>&1 || die "as root the tests run PostgreSQL as user postgres, and there is none"
  command -v setpriv >/dev/null || die "as root the tests need setpriv (Debian: util-linux) to run PostgreSQL as user postgres"
fi

if [ -z "$fast" ]; then
  step "Real programs"
  scripts/get-peers.sh --list || die "the tests need the real programs named above; ./test.sh --fast goes without them"
  scripts/get-npm-clients.sh || die "the tests need the npm packages named above; ./test.sh --fast goes without them"
  fuzz=${fuzz:-60}
fi
[ -z "$fuzz" ] || export RWGATEWAY_FUZZ_SECONDS=$fuzz

step "Build (Release, warnings are errors)"
dotnet restore RemoteWriteGateway.sln -v quiet
dotnet build RemoteWriteGateway.sln -c Release --no-restore -warnaserror -v minimal -nologo -clp:NoSummary \
  -p:UseSharedCompilation=false -nodeReuse:false

# One counter of a results file, 0 if there is none.
counter() { grep -oE '<Counters [^>]*>' "$1" 2>/dev/null | grep -oE " $2=\"[0-9]+\"" | grep -oE '[0-9]+' || echo 0; }

rm -rf "$results"
mkdir -p "$results"
broken=0
for project in tests/*.Tests/*.csproj; do
  name=$(basename "$project" .csproj)
  if [ -n "$fast" ] && [ "$name" = RemoteWriteGateway.EndToEnd.Tests ]; then
    continue
  fi
  step "$name"
  # The exit code is not the verdict: the results file is, and a project without one counts as broken.
  timeout --kill-after=30s "$project_limit" dotnet test "$project" -c Release --no-build --nologo \
    --results-directory "$results" --logger "trx;LogFileName=$name.trx" --logger "console;verbosity=normal" \
    >"$results/$name.log" 2>&1 || echo "exit code $?"
  # Each failed test with its message and the top of its stack.
  awk '/^  (Passed|Failed|Skipped) / { lines = /^  Failed / ? 30 : 0 } /^(Results File|Test Run)/ { lines = 0 } lines-- > 0' "$results/$name.log"
  if [ "$(counter "$results/$name.trx" total)" -gt 0 ]; then
    grep -E '^ *(Passed|Failed|Skipped|Total time): ' "$results/$name.log" | sed 's/^ */  /' || true
  else
    broken=$((broken + 1))
    echo "$name ran no test; the end of its output:"
    tail -n 40 "$results/$name.log"
  fi
done

end_leftovers
passed=0 failed=0 skipped=0
for file in "$results"/*.trx; do
  [ -e "$file" ] || continue
  total_here=$(counter "$file" total) passed_here=$(counter "$file" passed) executed_here=$(counter "$file" executed)
  passed=$((passed + passed_here))
  # Whatever ran and did not pass has failed: failed, error, timeout, aborted, inconclusive.
  failed=$((failed + executed_here - passed_here))
  skipped=$((skipped + total_here - executed_here))
done

echo
verdict=0
if [ "$broken" -gt 0 ]; then echo "$broken test project(s) ran no test or left no results"; verdict=1; fi
if [ $((passed + failed)) -eq 0 ]; then verdict=1; fi
if [ "$failed" -gt 0 ]; then verdict=1; fi
echo "$passed passed, $failed failed, $skipped skipped"
exit "$verdict"
