#!/usr/bin/env bash
# Makes the secrets of docker-compose.yml, once: what is there is left alone. `rm -r deploy/compose/secrets` begins anew, and then
# `docker compose down --volumes` as well, because PostgreSQL keeps the password that it was made with.
set -euo pipefail
cd "$(dirname "$0")"

random() { head -c 24 /dev/urandom | base64 | tr '+/' '-_'; }

# The folder keeps others on this machine away; the files are read by the users of their containers.
mkdir -p secrets
chmod 0700 secrets
umask 0022
[ -s secrets/postgres-password ] || random >secrets/postgres-password
[ -s secrets/client-secret ] || random >secrets/client-secret
[ -s secrets/grafana-client-secret ] || random >secrets/grafana-client-secret
[ -s secrets/grafana-key ] || random >secrets/grafana-key
sed -e "s|CLIENT_SECRET|$(cat secrets/client-secret)|" -e "s|GRAFANA_SECRET|$(cat secrets/grafana-client-secret)|" emulator.template.json >secrets/emulator.json
echo "Secrets are in $PWD/secrets. Next: docker compose up --build --wait"
