"""The runbook of the design, and the head that every small one begins with."""

DESIGN_EXAMPLE = """
name: Nightly customer scan
description: Personal data in the shop
contact: DPO <dpo@example.org>
framework: GDPR
config: {timeout: 300, max_concurrency: 10, max_child_depth: 3, cost_limit: 5.0, template_paths: [./shared]}
schedule: {cron: "0 2 * * *", timezone: Europe/London, catch_up: latest}
inputs:  {source_data: {input_schema: standard_input/1.0.0, optional: false, default: null, sensitive: false}}
outputs: {findings: {artifact: analysis}}
artifacts:
  customers:
    source: {type: sql_database, properties: {url: "${SHOP_DB_URL}", max_rows_per_table: 1000}}
  files:
    source: {type: filesystem, properties: {path: ./exports, exclude_patterns: ["*.png"]}}
  personal_data:
    inputs: [customers, files]
    merge: concatenate
    process: {type: personal_data, properties: {pattern_matching: {ruleset: local/personal_data_indicator/1.0.0}}}
    output: true
    optional: false
  again: {reuse: {from_run: latest, artifact: customers}}
  child:
    inputs: customers
    child_runbook: {path: ./analysis.yaml, input_mapping: {source_data: customers}, output: findings}
"""
HEAD = "name: n\ndescription: d\n"
