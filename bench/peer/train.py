# The peer of bench/trainingWorker.ts: the same training steps in Python's PyTorch.
# Arguments: plain (eager, float32, contiguous), f32 (channels last) or bf16 (and autocast); threads.
import sys
import time

import torch
from serve import serve
from torch import nn

mode, threads = sys.argv[1], int(sys.argv[2])
torch.set_num_threads(threads)
torch.manual_seed(1)

layers = []
channels = 3
for outputs, stride in [(64, 1), (64, 1), (128, 2), (128, 1), (256, 2)]:
    layers += [
        nn.Conv2d(channels, outputs, 3, stride, padding=1, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(inplace=True),
    ]
    channels = outputs
network = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, 10))
images = torch.randn(64, 3, 32, 32)
labels = torch.arange(64) % 10
if mode != "plain":
    network = network.to(memory_format=torch.channels_last)
    images = images.contiguous(memory_format=torch.channels_last)
optimizer = torch.optim.SGD(network.parameters(), lr=0.1, momentum=0.9)


def step():
    optimizer.zero_grad()
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=mode == "bf16"):
        loss = nn.functional.cross_entropy(network(images), labels)
    loss.backward()
    optimizer.step()


def timed_step():
    start = time.perf_counter()
    step()
    return time.perf_counter() - start


for _ in range(3):
    step()
serve(lambda request: [timed_step() for _ in range(int(request))])
