/** Architectures as pictures: SVG, laid out by Graphviz (compiled to WebAssembly, @viz-js/viz). */

import type { Graph, Viz } from '@viz-js/viz';

import { InternalError } from '../errors.js';
import type { CellGenotype, Genotype, LayerwiseGenotype, NasBench201Genotype } from '../nn/genotype.js';

/** A picture of a part of an architecture. */
export interface Drawing {
  /** Which part, as in `normal`, `reduce`, `cells.3`, `cell`, `layers`. */
  readonly name: string;
  readonly svg: string;
}

/** A graph of such a part, as Graphviz takes it. */
export interface NamedGraph {
  readonly name: string;
  readonly graph: Graph;
}

// Colours, shapes and names of nodes are those of visualize.py in quark0/darts.
const INPUT = 'darkseagreen2';
const NODE = 'lightblue';
const OUTPUT = 'palegoldenrod';
const EMPTY = 'lightgrey';
const LETTERS = { fontname: 'times', fontsize: 20 };

let graphviz: Promise<Viz> | undefined;

/**
 * Draws an architecture: both cells of DARTS (or every cell, where each is for itself) with `c_{k-2}`, `c_{k-1}`, their nodes
 * from 0 and `c_{k}`, and operations on the edges; the cell of NAS-Bench-201; the layers of a layer-wise network in a row.
 * Nodes without edges are grey. The same genotype gives the same bytes.
 *
 * @param title said in the picture and as its name to screen readers. Default: none
 */
export async function drawGenotype(genotype: Genotype, title?: string): Promise<Drawing[]> {
  graphviz ??= import('@viz-js/viz').then(({ instance }) => instance());
  const viz = await graphviz;
  return genotypeGraphs(genotype, title).map(({ name, graph }) => {
    const result = viz.render(graph, { format: 'svg', engine: 'dot' });
    if (result.status === 'success') return { name, svg: result.output };
    throw new InternalError(
      `Graphviz could not draw ${name}: ${result.errors.map(({ message }) => message).join('; ')}.`,
    );
  });
}

/** What `drawGenotype` lays out. */
export function genotypeGraphs(genotype: Genotype, title?: string): NamedGraph[] {
  const named = (name: string, graph: Graph): NamedGraph => ({
    name,
    graph: {
      ...graph,
      name: escaped(title === undefined ? name : `${title}: ${name}`),
      directed: true,
      graphAttributes: {
        rankdir: 'LR',
        ...(title === undefined ? {} : { label: escaped(`${title}: ${name}`), labelloc: 't', ...LETTERS }),
      },
      nodeAttributes: { style: 'filled', shape: 'rect', height: 0.5, width: 0.5, penwidth: 2, ...LETTERS },
      edgeAttributes: LETTERS,
    },
  });
  switch (genotype.space) {
    case 'darts':
      return [named('normal', cellGraph(genotype.normal)), named('reduce', cellGraph(genotype.reduce))];
    case 'd-darts':
      return genotype.cells.map((cell, index) => named(`cells.${index}`, cellGraph(cell)));
    case 'nas-bench-201':
      return [named('cell', nasBench201Graph(genotype))];
    case 'layerwise':
      return [named('layers', layersGraph(genotype))];
  }
}

function node(name: string, fillcolor: string) {
  return { name: escaped(name), attributes: { fillcolor } };
}

function edge(tail: string, head: string, label?: string) {
  return {
    tail: escaped(tail),
    head: escaped(head),
    attributes: label === undefined ? {} : { label: escaped(label) },
  };
}

function cellGraph({ nodes, concat }: CellGenotype): Graph {
  const nameOf = (state: number) => ['c_{k-2}', 'c_{k-1}'][state] ?? `${state - 2}`;
  return {
    nodes: [
      node(nameOf(0), INPUT),
      node(nameOf(1), INPUT),
      ...nodes.map((edges, index) => node(`${index}`, edges.length > 0 ? NODE : EMPTY)),
      node('c_{k}', OUTPUT),
    ],
    edges: [
      ...nodes.flatMap((edges, index) => edges.map(({ op, from }) => edge(nameOf(from), `${index}`, op))),
      ...concat.map((state) => edge(nameOf(state), 'c_{k}')),
    ],
  };
}

/** Node 0 is the input, node 3 the output. Edges with `none` are dotted. */
function nasBench201Graph({ nodes }: NasBench201Genotype): Graph {
  const colours = [INPUT, NODE, NODE, OUTPUT];
  return {
    nodes: colours.map((colour, index) => node(`${index}`, colour)),
    edges: nodes.flatMap((operations, index) =>
      operations.map((op, from) => {
        const drawn = edge(`${from}`, `${index + 1}`, op);
        return op === 'none'
          ? { ...drawn, attributes: { ...drawn.attributes, style: 'dotted', fontcolor: 'gray' } }
          : drawn;
      }),
    ),
  };
}

/** A block for each layer, in a row; places that are left out are grey. */
function layersGraph({ layers }: LayerwiseGenotype): Graph {
  const names = ['input', ...layers.map((_, index) => `layer ${index}`), 'output'];
  return {
    nodes: names.map((name, index) => {
      const block = layers[index - 1];
      if (block === undefined) return node(name, index === 0 ? INPUT : OUTPUT);
      const drawn = node(name, block === 'skip' ? EMPTY : NODE);
      return { ...drawn, attributes: { ...drawn.attributes, label: `${index - 1}\\n${escaped(block)}` } };
    }),
    edges: names.slice(1).map((name, index) => edge(names[index]!, name)),
  };
}

/** A text that Graphviz prints as it is: it has escapes after backslashes, and takes entities of HTML. */
function escaped(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('&', '&amp;');
}
