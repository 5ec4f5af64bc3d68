"""Quantizes an ONNX file by ONNX Runtime's static quantizer, with its defaults but for what is said:

    python quantize.py MODEL IMAGES SHAPE TENSOR CHANNEL

QDQ nodes; ranges come from IMAGES, a file of float32 numbers whose sizes SHAPE has between commas. Writes TENSOR, with
one scale for the weights of a layer, and CHANNEL, with one for each output channel. Prints the version. Ends with code
2 where the package is not installed.
"""

import logging
import sys

import numpy as np

logging.disable(logging.WARNING)
try:
    import onnx
    import onnxruntime
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, quantize_static
except ImportError as missing:
    print(missing, file=sys.stderr)
    sys.exit(2)


class Images(CalibrationDataReader):
    def __init__(self, name, images):
        self.batches = iter([{name: images[i : i + 64]} for i in range(0, len(images), 64)])

    def get_next(self):
        return next(self.batches, None)


model, path, sizes, *files = sys.argv[1:]
images = np.fromfile(path, np.float32).reshape([int(size) for size in sizes.split(",")])
name = onnx.load(model).graph.input[0].name
for file, per_channel in zip(files, (False, True)):
    reader = Images(name, images)
    quantize_static(model, file, reader, quant_format=QuantFormat.QDQ, per_channel=per_channel)
print(onnxruntime.__version__)
