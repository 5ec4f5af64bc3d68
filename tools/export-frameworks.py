#!/usr/bin/env python3
"""Exports small networks of other frameworks than PyTorch to ONNX, as their users do.

Weights are random. Each framework needs packages of its own, which do not all go together:

    keras   tensorflow-cpu, keras, tf2onnx     paddle   paddlepaddle, paddle2onnx     flax   flax, jax2onnx

    python tools/export-frameworks.py keras|paddle|flax --out DIR
    npm run exports -- DIR
"""

import argparse
import pathlib
import subprocess
import sys
import tempfile

CLASSES = 10


def keras(out):
    import tensorflow as tf
    from keras import Input, Model, Sequential, applications
    from keras import layers as L

    def small(head, separable=False):
        convolution = L.SeparableConv2D if separable else L.Conv2D
        blocks = [
            layer
            for filters in (16, 32, 48)
            for layer in (
                convolution(filters, 3, padding="same", use_bias=False),
                L.BatchNormalization(),
                L.ReLU(),
                L.MaxPooling2D(),
            )
        ]
        first = [Input((64, 64, 3)), L.Rescaling(2, -1)]
        last = [*head, L.Dropout(0.5), L.Dense(CLASSES)]
        return Sequential([*first, *blocks, *last])

    def transfer():
        base = applications.MobileNetV2(input_shape=(96, 96, 3), include_top=False, weights=None)
        image = Input((96, 96, 3))
        x = base(applications.mobilenet_v2.preprocess_input(image), training=False)
        return Model(image, L.Dense(CLASSES)(L.Dropout(0.2)(L.GlobalAveragePooling2D()(x))))

    def mnist():
        layers = [L.Reshape((28, 28, 1)), L.Conv2D(12, 3, activation="relu"), L.MaxPooling2D(), L.Flatten()]
        return Sequential([Input((28, 28)), *layers, L.Dense(CLASSES)])

    networks = {
        "pooled": small([L.GlobalAveragePooling2D()]),
        "flattened": small([L.Flatten(), L.Dense(32, activation="relu")]),
        "separable": small([L.GlobalMaxPooling2D()], separable=True),
        "grey": mnist(),
        "mobilenetv2": transfer(),
    }
    for name in ("ResNet50V2", "DenseNet121", "Xception"):
        options = {"input_shape": (96, 96, 3), "classes": CLASSES, "classifier_activation": None}
        networks[name.lower()] = getattr(applications, name)(weights=None, **options)
    for name, model in networks.items():
        with tempfile.TemporaryDirectory() as folder:
            model.export(folder, verbose=False)
            convert(["--saved-model", folder], out / f"{name}.tf2onnx.onnx")
            converter = tf.lite.TFLiteConverter.from_keras_model(model)
            path = pathlib.Path(folder, "model.tflite")
            path.write_bytes(converter.convert())
            convert(["--tflite", str(path)], out / f"{name}.tflite.onnx")


def convert(source, path):
    command = [sys.executable, "-m", "tf2onnx.convert", *source, "--output", str(path), "--opset", "15"]
    subprocess.run(command, check=True, capture_output=True)


def paddle(out):
    import paddle2onnx
    from paddle import jit, static
    from paddle.vision import models

    names = ["resnet18", "resnext50_32x4d", "mobilenet_v1", "mobilenet_v2", "mobilenet_v3_small"]
    names += ["shufflenet_v2_x0_25", "squeezenet1_1", "densenet121"]
    for name in names:
        network = getattr(models, name)(pretrained=False, num_classes=CLASSES)
        network.eval()
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder, "model")
            jit.save(network, str(path), input_spec=[static.InputSpec([-1, 3, 64, 64], "float32", "image")])
            files = [str(path.with_suffix(suffix)) for suffix in (".json", ".pdiparams")]
            paddle2onnx.export(*files, str(out / f"{name}.paddle2onnx.onnx"), opset_version=16)


def flax(out):
    import jax.numpy as jnp
    from flax import nnx
    from jax2onnx import to_onnx

    class Network(nnx.Module):
        def __init__(self, head, features, rngs):
            kernel = (3, 3)
            self.first = nnx.Conv(3, 16, kernel, rngs=rngs)
            self.norm = nnx.BatchNorm(16, rngs=rngs, use_running_average=True)
            self.second = nnx.Conv(16, 32, kernel, strides=2, rngs=rngs)
            self.third = nnx.Conv(32, 32, kernel, strides=2, rngs=rngs)
            self.head = head
            self.last = nnx.Linear(features, CLASSES, rngs=rngs)

        def __call__(self, x):
            x = nnx.relu(self.second(nnx.relu(self.norm(self.first(x)))))
            x = nnx.relu(self.third(nnx.max_pool(x, window_shape=(2, 2), strides=(2, 2))))
            return self.last(self.head(x))

    heads = {
        "pooled": (lambda x: jnp.mean(x, axis=(1, 2)), 32),
        "flattened": (lambda x: x.reshape(x.shape[0], -1), 32 * 8 * 8),
    }
    for name, (head, features) in heads.items():
        path = str(out / f"{name}.jax2onnx.onnx")
        network = Network(head, features, nnx.Rngs(0))
        to_onnx(network, [("B", 64, 64, 3)], return_mode="file", output_path=path)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("framework", choices=["keras", "paddle", "flax"])
    parser.add_argument("--out", type=pathlib.Path, required=True)
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    {"keras": keras, "paddle": paddle, "flax": flax}[arguments.framework](arguments.out)


main()
