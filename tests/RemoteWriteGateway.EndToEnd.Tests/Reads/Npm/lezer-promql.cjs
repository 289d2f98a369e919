// Reads a JSON array of texts of PromQL (the file that TEXTS names) and prints for each how many selectors and faults the grammar of Prometheus'
// and Grafana's editors finds in it, as a JSON array of [selectors, faults].
'use strict';
const { parser } = require('@prometheus-io/lezer-promql');
const { readFileSync } = require('node:fs');

const found = JSON.parse(readFileSync(process.env.TEXTS, 'utf8')).map((text) => {
  let selectors = 0;
  let faults = 0;
  parser.parse(text).iterate({
    enter: (node) => {
      if (node.name === 'VectorSelector') selectors++;
      if (node.type.isError) faults++;
    },
  });
  return [selectors, faults];
});
console.log(JSON.stringify(found));
