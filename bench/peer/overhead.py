# The peer of bench/overheadWorker.ts: the same small operators in Python's PyTorch.
import time

import torch
from serve import serve
from torch.nn import functional

torch.set_num_threads(1)
a = torch.ones(8)
b = torch.ones(8)
parameter = torch.ones(8, requires_grad=True)
image = torch.ones(1, 3, 8, 8)
weight = torch.ones(4, 3, 3, 3)
trained_weight = torch.ones(4, 3, 3, 3, requires_grad=True)

cases = {
    "add": lambda: torch.add(a, b),
    "addWithGradient": lambda: torch.add(parameter, b),
    "relu": lambda: torch.relu(a),
    "reluWithGradient": lambda: torch.relu(parameter),
    "conv": lambda: functional.conv2d(image, weight, None, 1, 1),
    "convWithGradient": lambda: functional.conv2d(image, trained_weight, None, 1, 1),
}


def work(request):
    name, count = request.split()
    call = cases[name]
    start = time.perf_counter()
    for _ in range(int(count)):
        call()
    return [(time.perf_counter() - start) / int(count)]


serve(work)
