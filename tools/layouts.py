"""Small networks that use what torchvision's do not: the other ways in which CNN classifiers are written."""

import torch
import torch.nn.functional as F
from torch import nn

CLASSES = 10


def conv_bn(inputs, outputs, activation=nn.ReLU, **options):
    options = {"kernel_size": 3, "padding": 1, "bias": False} | options
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, **options), nn.BatchNorm2d(outputs), activation()
    )


class Lambda(nn.Module):
    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, x):
        return self.function(x)


def classifier(channels, pool=None):
    pool = pool or Lambda(lambda x: x.mean([2, 3]))
    return nn.Sequential(pool, nn.Flatten(), nn.Linear(channels, CLASSES))


class SqueezeExcite(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.down, self.up = nn.Linear(channels, 4), nn.Linear(4, channels)

    def forward(self, x):
        batch, channels, _, _ = x.size()
        weights = F.adaptive_avg_pool2d(x, 1).view(batch, channels)
        weights = torch.sigmoid(self.up(F.relu(self.down(weights))))
        return x * weights.view(batch, channels, 1, 1).expand_as(x)


class EfficientChannelAttention(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv1d(1, 1, 3, padding=1, bias=False)

    def forward(self, x):
        weights = F.adaptive_avg_pool2d(x, 1).squeeze(-1).transpose(-1, -2)
        return x * self.conv(weights).transpose(-1, -2).unsqueeze(-1).sigmoid()


class ConvolutionalBlockAttention(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.shared = nn.Sequential(nn.Conv2d(channels, 4, 1), nn.ReLU(), nn.Conv2d(4, channels, 1))
        self.spatial = nn.Conv2d(2, 1, 7, padding=3)

    def forward(self, x):
        pooled = self.shared(F.adaptive_max_pool2d(x, 1)) + self.shared(F.adaptive_avg_pool2d(x, 1))
        x = x * torch.sigmoid(pooled)
        planes = torch.cat([x.max(1, keepdim=True)[0], x.mean(1, keepdim=True)], 1)
        return x * torch.sigmoid(self.spatial(planes))


class ChannelShuffle(nn.Module):
    def forward(self, x):
        batch, channels, height, width = x.shape
        x = x.view(batch, 2, channels // 2, height, width).transpose(1, 2).contiguous()
        return x.view(batch, -1, height, width)


class ChannelsLastNorm(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.norm = nn.LayerNorm(channels)

    def forward(self, x):
        return self.norm(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


class SamePadding(nn.Module):
    """TensorFlow's "SAME": the extra pixel goes to the end."""

    def __init__(self, inputs, outputs, kernel, stride):
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, kernel, stride)
        self.kernel, self.stride = kernel, stride

    def forward(self, x):
        pads = []
        for size in (x.shape[-1], x.shape[-2]):
            total = max((-(-size // self.stride) - 1) * self.stride + self.kernel - size, 0)
            pads += [total // 2, total - total // 2]
        return self.conv(F.pad(x, pads))


class WindowAttention(nn.Module):
    """Self-attention inside windows of 4 x 4, with a relative position bias."""

    def __init__(self, channels, heads=2, window=4):
        super().__init__()
        self.heads, self.window = heads, window
        self.norm = nn.LayerNorm(channels)
        self.qkv, self.out = nn.Linear(channels, 3 * channels), nn.Linear(channels, channels)
        self.bias = nn.Parameter(torch.randn(heads, window**2, window**2))

    def forward(self, x):
        b, c, h, w = x.shape
        n = self.window
        windows = x.view(b, c, h // n, n, w // n, n).permute(0, 2, 4, 3, 5, 1).reshape(-1, n * n, c)
        q, k, v = (
            self.qkv(self.norm(windows))
            .reshape(-1, n * n, 3, self.heads, c // self.heads)
            .permute(2, 0, 3, 1, 4)
        )
        scores = (q @ k.transpose(-2, -1)) * (c // self.heads) ** -0.5 + self.bias
        windows = windows + self.out((scores.softmax(-1) @ v).transpose(1, 2).reshape(-1, n * n, c))
        return (
            windows.view(b, h // n, w // n, n, n, c).permute(0, 5, 1, 3, 2, 4).reshape(b, c, h, w)
        )


class VisionTransformer(nn.Module):
    def __init__(self):
        super().__init__()
        self.patch = nn.Conv2d(3, 32, 8, 8)
        self.token = nn.Parameter(torch.randn(1, 1, 32))
        self.position = nn.Parameter(torch.randn(1, 17, 32))
        layer = nn.TransformerEncoderLayer(
            32, 4, 64, activation="gelu", batch_first=True, norm_first=True
        )
        self.encoder = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.head = nn.Linear(32, CLASSES)

    def forward(self, x):
        x = self.patch(x).flatten(2).transpose(1, 2)
        x = torch.cat([self.token.expand(x.shape[0], -1, -1), x], 1) + self.position
        return self.head(self.encoder(x)[:, 0])


class Pyramid(nn.Module):
    """Features of two scales joined by interpolation, a transposed convolution and a pixel shuffle."""

    def __init__(self):
        super().__init__()
        self.stem = conv_bn(3, 16, stride=2)
        self.down = conv_bn(16, 32, stride=2)
        self.up = nn.ConvTranspose2d(32, 16, 3, 2, 1, output_padding=1)
        self.out = conv_bn(16 + 16 + 32 + 32 + 8, 32)
        self.head = classifier(32)

    def forward(self, x):
        fine = self.stem(x)
        coarse = self.down(fine)
        scales = [
            fine,
            self.up(coarse),
            F.interpolate(coarse, scale_factor=2, mode="nearest"),
            F.interpolate(coarse, size=fine.shape[-2:], mode="bilinear", align_corners=False),
            F.pixel_shuffle(coarse, 2),
        ]
        return self.head(self.out(torch.cat(scales, 1)))


class Residual(nn.Module):
    def __init__(self, body):
        super().__init__()
        self.body = body

    def forward(self, x):
        return x + self.body(x)


class Split(nn.Module):
    """Half of the channels passes by, as in CSP and ShuffleNet blocks."""

    def __init__(self, channels):
        super().__init__()
        self.body = conv_bn(channels // 2, channels // 2, nn.Hardswish)

    def forward(self, x):
        first, second = x.chunk(2, dim=1)
        return torch.cat([first, self.body(second)], 1)


def sequence(*modules, size=32):
    return lambda: (nn.Sequential(*modules), (3, size, size))


def depthwise(channels, activation):
    return nn.Sequential(
        conv_bn(channels, channels, activation, groups=channels),
        conv_bn(channels, channels, activation, kernel_size=1, padding=0),
    )


LAYOUTS = {
    "squeeze_excite": sequence(conv_bn(3, 16), SqueezeExcite(16), classifier(16)),
    "efficient_channel_attention": sequence(
        conv_bn(3, 16), EfficientChannelAttention(), classifier(16)
    ),
    "convolutional_block_attention": sequence(
        conv_bn(3, 16), ConvolutionalBlockAttention(16), classifier(16)
    ),
    "group_norm": sequence(nn.Conv2d(3, 16, 3), nn.GroupNorm(4, 16), nn.SiLU(), classifier(16)),
    "instance_norm": sequence(
        nn.Conv2d(3, 16, 3), nn.InstanceNorm2d(16, affine=True), nn.ELU(), classifier(16)
    ),
    "prelu": sequence(
        conv_bn(3, 16, lambda: nn.PReLU(16)), conv_bn(16, 16, nn.PReLU, stride=2), classifier(16)
    ),
    "depthwise_hardswish": sequence(
        conv_bn(3, 16, nn.Hardswish, stride=2),
        depthwise(16, nn.ReLU6),
        depthwise(16, nn.Mish),
        classifier(16),
    ),
    "adaptive_pools": sequence(
        conv_bn(3, 16),
        nn.AdaptiveAvgPool2d(4),
        conv_bn(16, 8),
        nn.AdaptiveMaxPool2d((2, 1)),
        nn.Flatten(),
        nn.Linear(16, CLASSES),
    ),
    "flatten_view": sequence(
        conv_bn(3, 8, stride=4),
        Lambda(lambda x: x.view(x.size(0), -1)),
        nn.Dropout(0.3),
        nn.Linear(512, CLASSES),
    ),
    "flatten_reshape": sequence(
        conv_bn(3, 8, stride=4),
        Lambda(lambda x: x.reshape(-1, 512)),
        nn.Linear(512, CLASSES),
        nn.LogSoftmax(1),
    ),
    "batch_norm_head": sequence(
        conv_bn(3, 8, stride=4),
        nn.Flatten(),
        nn.Linear(512, 32),
        nn.BatchNorm1d(32),
        nn.Tanh(),
        nn.Linear(32, CLASSES),
        nn.Softmax(1),
    ),
    "pyramid": lambda: (Pyramid(), (3, 32, 32)),
    "channel_shuffle": sequence(
        conv_bn(3, 16), ChannelShuffle(), Split(16), ChannelShuffle(), classifier(16)
    ),
    "gelu_tanh": sequence(
        nn.Conv2d(3, 16, 4, 4),
        ChannelsLastNorm(16),
        nn.GELU(approximate="tanh"),
        nn.Conv2d(16, 16, 1),
        nn.GELU(),
        classifier(16),
    ),
    "window_attention": sequence(
        conv_bn(3, 16), WindowAttention(16), depthwise(16, nn.GELU), classifier(16)
    ),
    "vision_transformer": lambda: (VisionTransformer(), (3, 32, 32)),
    "same_padding": sequence(
        SamePadding(3, 16, 3, 2),
        nn.LeakyReLU(0.1),
        SamePadding(16, 16, 5, 3),
        nn.CELU(),
        classifier(16),
    ),
    "ceil_pools": sequence(
        conv_bn(3, 8),
        nn.MaxPool2d(3, 2, 1, ceil_mode=True),
        nn.AvgPool2d(3, 2, 1, ceil_mode=True),
        nn.AvgPool2d(3, 2, 1, count_include_pad=False),
        nn.LPPool2d(2, 2),
        nn.LocalResponseNorm(5),
        classifier(8),
    ),
    "dilated_grouped": sequence(
        conv_bn(3, 16, nn.SELU, dilation=2, padding=2),
        conv_bn(16, 16, nn.Softplus, groups=4, dilation=(1, 3), padding=(1, 3)),
        classifier(16, nn.AdaptiveMaxPool2d(1)),
    ),
    "reflect_padding": sequence(
        nn.ReflectionPad2d((1, 2, 3, 0)),
        conv_bn(3, 8),
        nn.ReplicationPad2d(1),
        conv_bn(8, 8, nn.Softsign, padding=0),
        nn.ZeroPad2d((1, 0, 0, 1)),
        conv_bn(8, 8, kernel_size=2, padding=0),
        classifier(8),
    ),
    "residual_scale": sequence(
        conv_bn(3, 16),
        Residual(
            nn.Sequential(
                conv_bn(16, 16, nn.Hardsigmoid), Lambda(lambda x: x * 0.1 - x.abs().sqrt() / 3)
            )
        ),
        classifier(16, Lambda(lambda x: x.flatten(2).max(-1)[0])),
    ),
    "weight_standardisation": sequence(
        Lambda(lambda x: (x - 0.45) / 0.225),
        nn.utils.weight_norm(nn.Conv2d(3, 16, 3)),
        nn.Tanhshrink(),
        Lambda(lambda x: F.normalize(x, dim=1)),
        classifier(16),
    ),
    "space_to_depth": sequence(
        nn.PixelUnshuffle(2),
        conv_bn(12, 16),
        Lambda(lambda x: x[:, ::2, 1:, :-1]),
        Lambda(lambda x: x.clamp(min=0.1) ** 2),
        classifier(8),
    ),
    "einsum_bilinear": sequence(
        conv_bn(3, 8),
        Lambda(lambda x: torch.einsum("bchw,bdhw->bcd", x, x) / 1024),
        nn.Flatten(),
        nn.Linear(64, CLASSES),
    ),
    "conv1d_3d": sequence(
        conv_bn(3, 8, stride=4),
        Lambda(lambda x: x.unsqueeze(1)),
        nn.Conv3d(1, 4, 3, padding=1),
        nn.BatchNorm3d(4),
        nn.AvgPool3d(2),
        nn.Flatten(2),
        nn.Conv1d(4, 8, 3, stride=2),
        nn.MaxPool1d(2),
        nn.Flatten(),
        nn.LazyLinear(CLASSES),
    ),
}
