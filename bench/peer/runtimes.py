"""Runs an ONNX file in another runtime: python runtimes.py RUNTIME MODEL INPUT SHAPE SECONDS

INPUT is a file of float32 numbers, SHAPE their sizes between commas. Prints one JSON object: the runtime's version, the
first output on that input, and the median milliseconds of its first row alone. Ends with code 2 where the runtime is
not installed.
"""

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

import numpy as np


def onnxruntime(model, _):
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    session = ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    return ort.__version__, lambda images: session.run(None, {name: images})[0]


def openvino(model, _):
    import openvino as ov

    # Its default on some processors is bfloat16.
    settings = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": "1"}
    compiled = ov.Core().compile_model(model, "CPU", settings)
    return ov.__version__.split("-")[0], lambda images: compiled([images])[0]


def ncnn(model, shape):
    """By way of pnnx, for one image at a time."""
    import ncnn as runtime
    import pnnx

    net = runtime.Net()
    net.opt.num_threads = 1
    net.opt.use_fp16_storage = net.opt.use_fp16_arithmetic = net.opt.use_bf16_storage = False
    sizes = "[" + ",".join(["1", *map(str, shape[1:])]) + "]f32"
    with tempfile.TemporaryDirectory() as folder:
        shutil.copy(model, os.path.join(folder, "model.onnx"))
        command = [pnnx.EXEC_PATH, "model.onnx", f"inputshape={sizes}", "fp16=0"]
        subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        if net.load_param(os.path.join(folder, "model.ncnn.param")) != 0:
            sys.exit("ncnn has no layer for one of its operators")
        net.load_model(os.path.join(folder, "model.ncnn.bin"))

    def run(images):
        rows = []
        for image in images:
            with net.create_extractor() as extractor:
                extractor.input("in0", runtime.Mat(image).clone())
                rows.append(np.array(extractor.extract("out0")[1]).reshape(-1))
        return np.stack(rows)

    return runtime.__version__, run


def tflite(model, _):
    """By way of onnx2tf, for one image at a time, channels last."""
    import onnx2tf  # noqa: F401
    from ai_edge_litert import interpreter, __version__

    with tempfile.TemporaryDirectory() as folder:
        shutil.copy(model, os.path.join(folder, "model.onnx"))
        # Where it finds no images of this name it fetches some.
        images = np.zeros((20, 128, 128, 3), np.float32)
        np.save(os.path.join(folder, "calibration_image_sample_data_20x128x128x3_float32.npy"), images)
        command = [sys.executable, "-m", "onnx2tf", "-i", "model.onnx", "-o", "converted", "-b", "1", "-n"]
        result = subprocess.run(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        path = os.path.join(folder, "converted", "model_float32.tflite")
        if result.returncode != 0 or not os.path.exists(path):
            sys.exit("onnx2tf does not convert it")
        net = interpreter.Interpreter(model_path=path, num_threads=1)
    net.allocate_tensors()
    image, logits = net.get_input_details()[0]["index"], net.get_output_details()[0]["index"]

    def run(images):
        rows = []
        for each in images.transpose(0, 2, 3, 1):
            net.set_tensor(image, np.ascontiguousarray(each[None]))
            net.invoke()
            rows.append(net.get_tensor(logits)[0])
        return np.stack(rows)

    return __version__, run


def main():
    name, model, path, sizes, seconds = sys.argv[1:]
    shape = [int(size) for size in sizes.split(",")]
    images = np.fromfile(path, np.float32).reshape(shape)
    try:
        version, run = globals()[name](model, shape)
    except ImportError as missing:
        print(missing, file=sys.stderr)
        sys.exit(2)
    logits = np.asarray(run(images), np.float64)
    times = []
    end = time.perf_counter() + float(seconds)
    while time.perf_counter() < end or not times:
        start = time.perf_counter()
        run(images[:1])
        times.append(1e3 * (time.perf_counter() - start))
    result = {"version": version, "logits": logits.ravel().tolist(), "milliseconds": statistics.median(times)}
    print(json.dumps(result))


main()
