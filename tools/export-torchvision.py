#!/usr/bin/env python3
"""Exports torchvision's classification networks, and the layouts of tools/layouts.py, to ONNX.

Weights are random (seeded), batch-norm statistics those of a random batch. Every network is exported by
both of PyTorch's exporters. Needs Python packages torch, torchvision, onnx, onnxscript.

    python tools/export-torchvision.py --out DIR [--networks NAME ...] [--exporter torchscript|dynamo]
    npm run exports -- DIR
"""

import argparse
import pathlib
import sys
import warnings

import torch
import torchvision

import layouts

TORCHVISION = (
    """alexnet vgg11 vgg16_bn resnet18 resnet34 resnet50 resnet101 resnet152 wide_resnet50_2
resnext50_32x4d densenet121 densenet161 densenet169 densenet201 googlenet inception_v3 squeezenet1_0
squeezenet1_1 shufflenet_v2_x0_5 shufflenet_v2_x1_0 shufflenet_v2_x2_0 mobilenet_v2 mobilenet_v3_small
mobilenet_v3_large mnasnet0_5 mnasnet1_0 mnasnet1_3 efficientnet_b0 efficientnet_b1 efficientnet_b4
efficientnet_v2_s efficientnet_v2_m regnet_x_400mf regnet_y_400mf regnet_y_1_6gf regnet_x_3_2gf
convnext_tiny convnext_small""".split()
)


def build(name):
    """The network in inference mode and an input for it."""
    if name in layouts.LAYOUTS:
        network, size = layouts.LAYOUTS[name]()
    else:
        options = {"aux_logits": True} if name in ("googlenet", "inception_v3") else {}
        network = getattr(torchvision.models, name)(weights=None, **options)
        size = (3, 299, 299) if name == "inception_v3" else (3, 224, 224)
    image = torch.randn(4, *size) + torch.linspace(-1, 1, size[-1])
    calibrate(network, image)
    return network.eval(), image[:2]


def calibrate(network, image):
    """Gives batch norm the statistics of a batch, so that the signal reaches the end of a deep network."""
    norms = [m for m in network.modules() if isinstance(m, torch.nn.modules.batchnorm._BatchNorm)]
    for norm in norms:
        norm.momentum = 1
        torch.nn.init.uniform_(norm.weight, 0.8, 1.2)
        torch.nn.init.normal_(norm.bias, 0, 0.1)
    with torch.no_grad():
        network.train()(image)


def export(network, image, path, exporter, opset, dynamic):
    names = {"input_names": ["image"], "output_names": ["logits"], "opset_version": opset}
    if exporter == "torchscript":
        axes = {"image": {0: "batch"}, "logits": {0: "batch"}} if dynamic else None
        torch.onnx.export(network, (image,), path, dynamo=False, dynamic_axes=axes, **names)
    else:
        shapes = ({0: torch.export.Dim("batch")},) if dynamic else None
        torch.onnx.export(
            network,
            (image,),
            path,
            dynamo=True,
            dynamic_shapes=shapes,
            external_data=True,
            verbose=False,
            **names,
        )


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--out", type=pathlib.Path, required=True)
    parser.add_argument("--networks", nargs="+", default=TORCHVISION + sorted(layouts.LAYOUTS))
    parser.add_argument("--exporter", choices=["torchscript", "dynamo"])
    parser.add_argument("--opset", type=int, help="17 (torchscript) and 18 (dynamo) by default")
    parser.add_argument(
        "--fixed", action="store_true", help="a fixed batch size instead of a dynamic one"
    )
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    warnings.filterwarnings("ignore")
    failed = 0
    for name in options.networks:
        for exporter in [options.exporter] if options.exporter else ["torchscript", "dynamo"]:
            opset = options.opset or {"torchscript": 17, "dynamo": 18}[exporter]
            path = options.out / f"{name}.{exporter}{opset}{'.fixed' if options.fixed else ''}.onnx"
            torch.manual_seed(options.seed)
            try:
                network, image = build(name)
                export(network, image, str(path), exporter, opset, not options.fixed)
                print(path, flush=True)
            except Exception as error:
                failed += 1
                print(
                    f"{path}: {type(error).__name__}: {str(error).splitlines()[0]}", file=sys.stderr
                )
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
