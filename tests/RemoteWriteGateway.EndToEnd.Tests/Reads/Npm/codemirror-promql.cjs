// Has the completion of Prometheus' and Grafana's query editors complete texts from what the gateway tells, and prints what it offers as
// one JSON object. GATEWAY_URL, TOKEN.
'use strict';
const { PromQLExtension } = require('@prometheus-io/codemirror-promql');
const { HTTPPrometheusClient } = require('@prometheus-io/codemirror-promql/dist/cjs/client/prometheus');
const { newCompleteStrategy: completion } = require('@prometheus-io/codemirror-promql/dist/cjs/complete');
const { ensureSyntaxTree } = require('@codemirror/language');
const { EditorState } = require('@codemirror/state');
const { CompletionContext } = require('@codemirror/autocomplete');

async function main() {
  const answers = { errors: [] };
  for (const httpMethod of ['POST', 'GET']) {
    const configuration = {
      url: process.env.GATEWAY_URL,
      httpMethod,
      lookbackInterval: 12 * 3600 * 1000,
      requestHeaders: new Headers({ Authorization: `Bearer ${process.env.TOKEN}` }),
      httpErrorHandler: (error) => answers.errors.push(error.message),
    };
    const client = new HTTPPrometheusClient(configuration);
    answers[`metrics ${httpMethod}`] = await client.metricNames();
    answers[`labels ${httpMethod}`] = await client.labelNames('lift_floor');
    answers[`values ${httpMethod}`] = await client.labelValues('zone', 'lift_floor', []);
    answers[`series ${httpMethod}`] = await client.series('lift_floor', [], 'zone');
    answers[`metadata ${httpMethod}`] = await client.metricMetadata();
    client.destroy();

    const complete = completion({ remote: configuration });
    // The cursor stands at the bar; editors close what is opened.
    for (const marked of ['lift_fl|', 'lift_floor{|}', 'lift_floor{zone="|"}', 'vault_b|', 'sum by (|) (lift_floor)']) {
      const cursor = marked.indexOf('|');
      const text = marked.replace('|', '');
      const extension = new PromQLExtension().setComplete({ completeStrategy: complete }).asExtension();
      let state = EditorState.create({ doc: text, extensions: extension });
      // An editor parses for 20 ms and goes on later; a busy machine may need longer. The update takes the finished tree over.
      ensureSyntaxTree(state, text.length, 30000);
      state = state.update({}).state;
      const offered = await complete.promQL(new CompletionContext(state, cursor, true));
      answers[`${marked} ${httpMethod}`] = (offered?.options ?? []).map((option) => option.label);
    }
    complete.destroy?.();
  }
  console.log(JSON.stringify(answers));
  // Its cache keeps timers for minutes.
  process.exit(0);
}

main();
