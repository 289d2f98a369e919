// Asks the gateway all that prometheus-query can ask, and prints the answers, or the errors, as one JSON object.
// GATEWAY_URL, TOKEN; START and END in seconds.
'use strict';
const { PrometheusDriver } = require('prometheus-query');

const start = new Date(Number(process.env.START) * 1000);
const end = new Date(Number(process.env.END) * 1000);

async function main() {
  const answers = {};
  for (const preferPost of [false, true]) {
    const prometheus = new PrometheusDriver({
      endpoint: process.env.GATEWAY_URL,
      headers: { Authorization: `Bearer ${process.env.TOKEN}` },
      preferPost,
    });
    const questions = {
      instant: () => prometheus.instantQuery('lift_floor', end),
      range: () => prometheus.rangeQuery('lift_floor', start, end, 15),
      others: () => prometheus.instantQuery('vault_balance or {hush_label!=""}', end),
      series: () => prometheus.series('{__name__=~"lift_floor|vault.*"}', start, end),
      labelNames: () => prometheus.labelNames(),
      labelValues: () => prometheus.labelValues('zone'),
      metadata: () => prometheus.metadata(),
      rules: () => prometheus.rules(),
      alerts: () => prometheus.alerts(),
      buildinfo: () => prometheus.statusBuildinfo(),
      invalid: () => prometheus.instantQuery('rate(lift_floor)', end),
      flags: () => prometheus.statusFlags(),
      configuration: () => prometheus.status(),
      targets: () => prometheus.targets(),
      snapshot: () => prometheus.adminSnapshot(),
      deletion: () => prometheus.adminDeleteSeries('lift_floor', start, end),
    };
    const method = preferPost ? 'POST' : 'GET';
    for (const [name, ask] of Object.entries(questions)) {
      try {
        answers[`${name} ${method}`] = { data: await ask() };
      } catch (error) {
        answers[`${name} ${method}`] = { error: String(error.error ?? error.message) };
      }
    }
  }
  console.log(JSON.stringify(answers));
}

main();
