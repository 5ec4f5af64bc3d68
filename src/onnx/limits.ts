// What a model file may ask for. Each limit is checked before memory is taken, so that a hostile file costs
// neither much time nor much memory; networks that DeepObf can work with stay far below.

export const limits = {
  /** Bytes of a file: protobuf's own limit. */
  fileBytes: 2 ** 31 - 1,
  /** Bytes of one tensor. */
  tensorBytes: 2 ** 31 - 1,
  /** Bytes of all tensors that lie in files beside the model. */
  externalBytes: 2 ** 32,
  /** Dimensions of one tensor. */
  rank: 64,
  /** Protobuf messages that are read (nodes, attributes, tensors, types, ...). */
  messages: 500_000,
  /** Names and numbers in lists that are read (node inputs, attribute lists, ...). */
  values: 4_000_000,
  /** Bytes of one name, and of all names and other texts. */
  nameBytes: 65_536,
  textBytes: 2 ** 27,
  /** Nested messages: what 32 nested graphs need, and some more. */
  messageDepth: 120,
  /** Graphs inside graphs (`If`, `Loop`), the outermost included. */
  graphDepth: 32,
  /** Calls of functions inside functions. */
  functionDepth: 64,
  /** Nodes and function calls, once every function has been inlined. */
  nodes: 100_000,
  /** Inputs, outputs and attributes of all those nodes and of what they call, and the initializers of all graphs. */
  edges: 2_000_000,
} as const;
