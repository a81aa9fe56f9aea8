/** All workflows that a study can run: one file each, two lines here. */

import type { Workflow } from '../workflow.js';
import { pruneWorkflow } from './prune.js';
import { searchWorkflow } from './search.js';
import { trainWorkflow } from './train.js';

export const WORKFLOW_NAMES = ['train', 'prune', 'search'] as const;

export type WorkflowName = (typeof WORKFLOW_NAMES)[number];

const WORKFLOWS: Readonly<Record<WorkflowName, Workflow>> = {
  train: erased(trainWorkflow),
  prune: erased(pruneWorkflow),
  search: erased(searchWorkflow),
};

/** The workflow of a name. */
export function workflowOf(name: WorkflowName): Workflow {
  return WORKFLOWS[name];
}

/** A workflow for any configuration, which it checks itself. */
function erased<C extends { readonly seed: number }>(workflow: Workflow<C>): Workflow {
  const { name, schema, defaults, measures, shrink, cost } = workflow;
  return {
    name,
    schema,
    defaults,
    measures: (config) => measures(schema.parse(config)),
    shrink: (config) => shrink(schema.parse(config)),
    cost: (config, clock) => cost(schema.parse(config), clock),
  };
}
