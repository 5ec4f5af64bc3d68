// The lines of code that export a model rightly, for messages that refuse another export.

/** PyTorch, in inference mode. */
export const exportForInference = 'model.eval(); torch.onnx.export(model, example, "model.onnx")';

/** PyTorch, for batches of any size. */
export const exportForAnyBatch =
  'torch.onnx.export(model.eval(), (example,), "model.onnx", dynamo=True, ' +
  'dynamic_shapes=({0: torch.export.Dim("batch")},))';
