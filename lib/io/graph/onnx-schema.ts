/** The messages of ONNX (onnx.proto of version 1.12: IR version 8) that an exported network needs, with their field numbers. */

import protobuf from 'protobufjs';

const field = (id: number, type: string) => ({ id, type });
const repeated = (id: number, type: string) => ({ id, type, rule: 'repeated' });

const schema = protobuf.Root.fromJSON({
  nested: {
    OperatorSetIdProto: { fields: { domain: field(1, 'string'), version: field(2, 'int64') } },
    StringStringEntryProto: { fields: { key: field(1, 'string'), value: field(2, 'string') } },
    Dimension: { fields: { dimValue: field(1, 'int64'), dimParam: field(2, 'string') } },
    TensorShapeProto: { fields: { dim: repeated(1, 'Dimension') } },
    TypeTensor: { fields: { elemType: field(1, 'int32'), shape: field(2, 'TensorShapeProto') } },
    TypeProto: { fields: { tensorType: field(1, 'TypeTensor') } },
    ValueInfoProto: {
      fields: { name: field(1, 'string'), type: field(2, 'TypeProto'), docString: field(3, 'string') },
    },
    TensorProto: {
      fields: {
        dims: repeated(1, 'int64'),
        dataType: field(2, 'int32'),
        name: field(8, 'string'),
        rawData: field(9, 'bytes'),
      },
    },
    AttributeProto: {
      fields: {
        name: field(1, 'string'),
        f: field(2, 'float'),
        i: field(3, 'int64'),
        ints: repeated(8, 'int64'),
        type: field(20, 'int32'),
      },
    },
    NodeProto: {
      fields: {
        input: repeated(1, 'string'),
        output: repeated(2, 'string'),
        name: field(3, 'string'),
        opType: field(4, 'string'),
        attribute: repeated(5, 'AttributeProto'),
      },
    },
    GraphProto: {
      fields: {
        node: repeated(1, 'NodeProto'),
        name: field(2, 'string'),
        initializer: repeated(5, 'TensorProto'),
        input: repeated(11, 'ValueInfoProto'),
        output: repeated(12, 'ValueInfoProto'),
      },
    },
    ModelProto: {
      fields: {
        irVersion: field(1, 'int64'),
        producerName: field(2, 'string'),
        graph: field(7, 'GraphProto'),
        opsetImport: repeated(8, 'OperatorSetIdProto'),
        metadataProps: repeated(14, 'StringStringEntryProto'),
      },
    },
  },
});

/** Attribute values by type: a whole number, a list of them, or a float. */
export type OnnxAttribute = number | readonly number[] | { readonly float: number };

export interface OnnxNode {
  readonly name: string;
  readonly opType: string;
  readonly input: readonly string[];
  readonly output: readonly string[];
  readonly attributes?: Readonly<Record<string, OnnxAttribute>>;
}

export interface OnnxTensor {
  readonly name: string;
  readonly dims: readonly number[];
  readonly dataType: OnnxElementType;
  readonly rawData: Uint8Array;
}

/** A named input or output of f32; an extent that is text varies. */
export interface OnnxValue {
  readonly name: string;
  readonly dims: readonly (number | string)[];
  readonly about: string;
}

export interface OnnxModel {
  readonly opset: number;
  readonly metadata: Readonly<Record<string, string>>;
  readonly graph: {
    readonly name: string;
    readonly nodes: readonly OnnxNode[];
    readonly initializers: readonly OnnxTensor[];
    readonly inputs: readonly OnnxValue[];
    readonly outputs: readonly OnnxValue[];
  };
}

/** TensorProto.DataType. */
export const ONNX_FLOAT = 1;
export const ONNX_INT64 = 7;
export type OnnxElementType = typeof ONNX_FLOAT | typeof ONNX_INT64;

const IR_VERSION = 8;
/** AttributeProto.AttributeType. */
const ATTRIBUTE = { float: 1, int: 2, ints: 7 } as const;

/** The bytes of an ONNX file. */
export function encodeOnnx({ opset, metadata, graph }: OnnxModel): Uint8Array {
  const type = schema.lookupType('ModelProto');
  const message = type.fromObject({
    irVersion: IR_VERSION,
    producerName: 'lapidary',
    opsetImport: [{ domain: '', version: opset }],
    metadataProps: Object.entries(metadata).map(([key, value]) => ({ key, value })),
    graph: {
      name: graph.name,
      node: graph.nodes.map(({ attributes = {}, ...node }) => ({
        ...node,
        attribute: Object.entries(attributes).map(encodeAttribute),
      })),
      initializer: graph.initializers,
      input: graph.inputs.map(encodeValue),
      output: graph.outputs.map(encodeValue),
    },
  });
  return type.encode(message).finish();
}

/** The parsed file, in plain objects with the field names above. For tests. */
export function decodeOnnx(bytes: Uint8Array): Record<string, unknown> {
  const type = schema.lookupType('ModelProto');
  return type.toObject(type.decode(bytes), { longs: Number, arrays: true });
}

function encodeAttribute([name, value]: [string, OnnxAttribute]): object {
  if (typeof value === 'number') return { name, i: value, type: ATTRIBUTE.int };
  return 'float' in value
    ? { name, f: value.float, type: ATTRIBUTE.float }
    : { name, ints: value, type: ATTRIBUTE.ints };
}

function encodeValue({ name, dims, about }: OnnxValue): object {
  const dim = dims.map((extent) =>
    typeof extent === 'number' ? { dimValue: extent } : { dimParam: extent },
  );
  return { name, docString: about, type: { tensorType: { elemType: ONNX_FLOAT, shape: { dim } } } };
}
