// Convolutions in bfloat16 whose weight gradient runs on the matrix units of AMX (Intel, "Architecture instruction set
// extensions and future features", chapter 3). The gradient of a tap is the product of the input, moved by that tap,
// with the output's gradient, summed over all positions. Both are laid out position after position, with zeros between
// rows and between images, so that a tap is nothing but an offset, and no patch is ever copied. oneDNN's own takes two
// to ten times as long where maps are small (docs/performance.md, "Weight gradients"). Forward and input gradient are
// libtorch's.
#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/library.h>

#include <algorithm>
#include <array>
#include <vector>

#include "elements.h"
#include "tensors.h"

#if defined(__x86_64__) && defined(__linux__) && (defined(__clang__) || __GNUC__ >= 11)
#define HAS_AMX 1
#include <cpuid.h>
#include <immintrin.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

namespace deepobf {
namespace {

#ifdef HAS_AMX

#define AMX __attribute__((target("amx-tile,amx-bf16,avx512f,avx512bw,avx512vl")))

/** Whether the processor has the units and the kernel lets this process use them, which it has to be asked for. */
bool canUseAmx() {
  constexpr uint32_t bf16 = 1u << 22, tiles = 1u << 24;
  constexpr int64_t requestPermission = 0x1023, tileData = 18;
  uint32_t a, b, c, d;
  if (!__get_cpuid_count(7, 0, &a, &b, &c, &d) || !(d & bf16) || !(d & tiles)) return false;
  return syscall(SYS_arch_prctl, requestPermission, tileData) == 0;
}

// Channels of a tile of sums, and positions that one product of tiles sums over.
constexpr int64_t side = 16, depth = 32;
constexpr int64_t tileFloats = side * side;
// Two tiles' channels at so many positions, of input and gradient each, stay in the nearest caches.
constexpr int64_t positionsAtOnce = 1024;

/** Memory in whole cache lines, zeros at first. */
template <typename T>
class Buffer {
 public:
  explicit Buffer(int64_t count) : lines_((count * sizeof(T) + 63) / 64) {}
  T* data() { return reinterpret_cast<T*>(lines_.data()); }

 private:
  struct alignas(64) Line {
    std::array<uint8_t, 64> bytes{};
  };
  std::vector<Line> lines_;
};

int64_t floorDivide(int64_t a, int64_t b) { return a >= 0 ? a / b : -((b - 1 - a) / b); }

/**
 * Rows or columns of images on the way through a convolution. With a stride s the input falls apart into s phases: tap
 * t of output i reads pixel i + shift(t) of phase(t). `length` has room for a phase or for the output, whichever is
 * longer, and for zeros as far as any tap reaches.
 */
struct Axis {
  int64_t input, output, kernel, stride, padding;
  int64_t shift(int64_t tap) const { return floorDivide(tap - padding, stride); }
  int64_t phase(int64_t tap) const { return tap - padding - shift(tap) * stride; }
  int64_t reach() const { return std::max(-shift(0), shift(kernel - 1)); }
  int64_t length() const {
    return std::max((input + stride - 1) / stride, output) + std::max<int64_t>(reach(), 0);
  }
};

/** How images lie position after position, in chunks that the caches hold. */
struct Layout {
  int64_t images, inputs, outputs;
  Axis rows, columns;

  int64_t taps() const { return rows.kernel * columns.kernel; }
  int64_t phases() const { return rows.stride * columns.stride; }
  int64_t plane() const { return rows.length() * columns.length(); }
  int64_t imagesAtOnce() const { return std::max<int64_t>(1, positionsAtOnce / plane()); }
  int64_t chunks() const { return (images + imagesAtOnce() - 1) / imagesAtOnce(); }
  int64_t positions() const { return (imagesAtOnce() * plane() + depth - 1) / depth * depth; }
  /** Zeros before and behind, as many as a tap reaches beyond the images. */
  int64_t margin() const {
    const int64_t most = std::max<int64_t>(rows.reach(), 0) * columns.length() +
                         std::max<int64_t>(columns.reach(), 0);
    return (most + depth - 1) / depth * depth;
  }
  /** From channel to channel: an odd number of cache lines, so that channels share no places in the cache. */
  int64_t line() const { return (positions() + 2 * margin()) | depth; }
};

/** The pixel at every position of a chunk, counted from its first; -1 where there is none. */
std::vector<int32_t> pixelsOf(const Layout& layout, int64_t height, int64_t width, int64_t stepY,
                              int64_t firstY, int64_t stepX, int64_t firstX) {
  std::vector<int32_t> pixels(layout.positions(), -1);
  for (int64_t image = 0; image < layout.imagesAtOnce(); image++) {
    for (int64_t y = firstY; y < height; y += stepY) {
      for (int64_t x = firstX; x < width; x += stepX) {
        const int64_t row = image * layout.rows.length() + y / stepY;
        pixels[row * layout.columns.length() + x / stepX] = (image * height + y) * width + x;
      }
    }
  }
  return pixels;
}

/** 16 channels of 16 pixels, from pixel after pixel to channel after channel, `line` apart. */
AMX void transpose(const std::array<const uint16_t*, side>& pixels, int64_t channel,
                   uint16_t* target, int64_t line) {
  __m256i a[side], b[side];
  for (int64_t i = 0; i < side; i++) {
    a[i] = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(pixels[i] + channel));
  }
  for (int64_t i = 0; i < 8; i++) {
    b[i] = _mm256_unpacklo_epi16(a[2 * i], a[2 * i + 1]);
    b[8 + i] = _mm256_unpackhi_epi16(a[2 * i], a[2 * i + 1]);
  }
  for (int64_t i = 0; i < 8; i++) {
    const int64_t to = i / 4 * 8 + i % 4;
    a[to] = _mm256_unpacklo_epi32(b[2 * i], b[2 * i + 1]);
    a[to + 4] = _mm256_unpackhi_epi32(b[2 * i], b[2 * i + 1]);
  }
  for (int64_t i = 0; i < 4; i++) {
    const __m256i evenFirst = _mm256_unpacklo_epi64(a[4 * i], a[4 * i + 1]);
    const __m256i evenLast = _mm256_unpacklo_epi64(a[4 * i + 2], a[4 * i + 3]);
    const __m256i oddFirst = _mm256_unpackhi_epi64(a[4 * i], a[4 * i + 1]);
    const __m256i oddLast = _mm256_unpackhi_epi64(a[4 * i + 2], a[4 * i + 3]);
    b[2 * i] = _mm256_permute2x128_si256(evenFirst, evenLast, 0x20);
    b[2 * i + 1] = _mm256_permute2x128_si256(oddFirst, oddLast, 0x20);
    b[2 * i + 8] = _mm256_permute2x128_si256(evenFirst, evenLast, 0x31);
    b[2 * i + 9] = _mm256_permute2x128_si256(oddFirst, oddLast, 0x31);
  }
  for (int64_t i = 0; i < side; i++) {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(target + i * line), b[i]);
  }
}

/** 16 channels of two pixels in turn: what a product of tiles takes as its second factor. */
AMX void interleave(const uint16_t* even, const uint16_t* odd, uint16_t* target) {
  const __m256i a = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(even));
  const __m256i b = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(odd));
  const __m256i low = _mm256_unpacklo_epi16(a, b), high = _mm256_unpackhi_epi16(a, b);
  const auto to = reinterpret_cast<__m256i*>(target);
  _mm256_storeu_si256(to, _mm256_permute2x128_si256(low, high, 0x20));
  _mm256_storeu_si256(to + 1, _mm256_permute2x128_si256(low, high, 0x31));
}

/** All eight tiles as 16 rows of 64 bytes. */
AMX void configureTiles() {
  struct alignas(64) {
    uint8_t palette = 1, startRow = 0, reserved[14] = {};
    uint16_t bytes[16] = {64, 64, 64, 64, 64, 64, 64, 64};
    uint8_t rows[16] = {16, 16, 16, 16, 16, 16, 16, 16};
  } configuration;
  _tile_loadconfig(&configuration);
}

/** One or two tiles of input channels and of output channels each, and the sums of their products. */
struct Tiles {
  std::array<const uint16_t*, 2> inputs, outputs;
  int64_t line, steps;
  std::array<float*, 4> sums;
};

template <bool twoInputs, bool twoOutputs>
AMX void multiply(const Tiles& by) {
  const int64_t lineBytes = by.line * sizeof(uint16_t);
  _tile_loadd(0, by.sums[0], 64);
  if constexpr (twoOutputs) _tile_loadd(1, by.sums[1], 64);
  if constexpr (twoInputs) _tile_loadd(2, by.sums[2], 64);
  if constexpr (twoInputs && twoOutputs) _tile_loadd(3, by.sums[3], 64);
  for (int64_t step = 0; step < by.steps; step++) {
    _tile_loadd(4, by.inputs[0] + step * depth, lineBytes);
    _tile_loadd(6, by.outputs[0] + step * depth * side, 64);
    _tile_dpbf16ps(0, 4, 6);
    if constexpr (twoOutputs) {
      _tile_loadd(7, by.outputs[1] + step * depth * side, 64);
      _tile_dpbf16ps(1, 4, 7);
    }
    if constexpr (twoInputs) {
      _tile_loadd(5, by.inputs[1] + step * depth, lineBytes);
      _tile_dpbf16ps(2, 5, 6);
      if constexpr (twoOutputs) _tile_dpbf16ps(3, 5, 7);
    }
  }
  _tile_stored(0, by.sums[0], 64);
  if constexpr (twoOutputs) _tile_stored(1, by.sums[1], 64);
  if constexpr (twoInputs) _tile_stored(2, by.sums[2], 64);
  if constexpr (twoInputs && twoOutputs) _tile_stored(3, by.sums[3], 64);
}

/**
 * Adds the gradients that chunks `begin` to `end` give to tiles of sums: for each 16 outputs each 16 inputs, for these
 * each tap, so that two taps in a row find the same channels in the nearest cache.
 */
AMX void addGradients(const Layout& layout, const uint16_t* x, const uint16_t* gradient,
                      int64_t begin, int64_t end, float* sums) {
  const auto& [images, inputs, outputs, rows, columns] = layout;
  const int64_t line = layout.line(), positions = layout.positions(), taps = layout.taps();
  const int64_t inputTiles = inputs / side * taps, outputTiles = outputs / side;
  Buffer<uint16_t> lines(layout.phases() * inputs * line), pairs(outputs * positions);
  Buffer<uint16_t> zeros(std::max(inputs, outputs));
  const auto outputPixels = pixelsOf(layout, rows.output, columns.output, 1, 0, 1, 0);
  std::vector<std::vector<int32_t>> inputPixels;
  for (int64_t phase = 0; phase < layout.phases(); phase++) {
    inputPixels.push_back(pixelsOf(layout, rows.input, columns.input, rows.stride,
                                   phase / columns.stride, columns.stride,
                                   phase % columns.stride));
  }
  configureTiles();
  for (int64_t chunk = begin; chunk < end; chunk++) {
    const int64_t first = chunk * layout.imagesAtOnce();
    const int64_t count = std::min(layout.imagesAtOnce(), images - first);
    const auto place = [&](const uint16_t* from, int32_t pixel, int64_t area, int64_t channels) {
      const bool isThere = pixel >= 0 && pixel < count * area;
      return isThere ? from + (first * area + pixel) * channels : zeros.data();
    };
    for (int64_t phase = 0; phase < layout.phases(); phase++) {
      uint16_t* const target = lines.data() + phase * inputs * line + layout.margin();
      for (int64_t position = 0; position < positions; position += side) {
        std::array<const uint16_t*, side> from;
        for (int64_t i = 0; i < side; i++) {
          from[i] = place(x, inputPixels[phase][position + i], rows.input * columns.input, inputs);
        }
        for (int64_t channel = 0; channel < inputs; channel += side) {
          transpose(from, channel, target + channel * line + position, line);
        }
      }
    }
    for (int64_t position = 0; position < positions; position += 2) {
      const int64_t area = rows.output * columns.output;
      const uint16_t* const even = place(gradient, outputPixels[position], area, outputs);
      const uint16_t* const odd = place(gradient, outputPixels[position + 1], area, outputs);
      for (int64_t channel = 0; channel < outputs; channel += side) {
        interleave(even + channel, odd + channel,
                   pairs.data() + channel * positions + position * side);
      }
    }
    const auto lineOf = [&](int64_t inputTile) -> const uint16_t* {
      const int64_t channel = inputTile / taps * side, tap = inputTile % taps;
      const int64_t y = tap / columns.kernel, x = tap % columns.kernel;
      const int64_t phase = rows.phase(y) * columns.stride + columns.phase(x);
      const int64_t shift = rows.shift(y) * columns.length() + columns.shift(x);
      return lines.data() + (phase * inputs + channel) * line + layout.margin() + shift;
    };
    for (int64_t n = 0; n < outputTiles; n += 2) {
      const bool twoOutputs = n + 1 < outputTiles;
      const uint16_t* const pair = pairs.data() + n * side * positions;
      for (int64_t m = 0; m < inputTiles; m += 2) {
        const bool twoInputs = m + 1 < inputTiles;
        float* const sum = sums + (n * inputTiles + m) * tileFloats;
        float* const nextOutputs = sum + inputTiles * tileFloats;
        const Tiles tiles = {{lineOf(m), twoInputs ? lineOf(m + 1) : nullptr},
                             {pair, pair + side * positions},
                             line,
                             positions / depth,
                             {sum, nextOutputs, sum + tileFloats, nextOutputs + tileFloats}};
        if (twoInputs && twoOutputs) multiply<true, true>(tiles);
        if (twoInputs && !twoOutputs) multiply<true, false>(tiles);
        if (!twoInputs && twoOutputs) multiply<false, true>(tiles);
        if (!twoInputs && !twoOutputs) multiply<false, false>(tiles);
      }
    }
  }
  _tile_release();
}

/** Gradient of the weight [outputs, inputs, height, width], of x and the output's gradient, both channels last. */
at::Tensor weightGradient(const at::Tensor& x, const at::Tensor& gradient, const Layout& layout) {
  const int64_t taps = layout.taps(), inputTiles = layout.inputs / side * taps;
  const int64_t parts = std::min<int64_t>(at::get_num_threads(), layout.chunks());
  const int64_t floats = taps * layout.inputs * layout.outputs;
  std::vector<Buffer<float>> sums(parts, Buffer<float>(0));
  at::parallel_for(0, parts, 1, [&](int64_t firstPart, int64_t lastPart) {
    for (int64_t part = firstPart; part < lastPart; part++) {
      sums[part] = Buffer<float>(floats);
      addGradients(layout, elements<uint16_t>(x), elements<uint16_t>(gradient),
                   layout.chunks() * part / parts, layout.chunks() * (part + 1) / parts,
                   sums[part].data());
    }
  });
  const at::Tensor result =
      at::empty({layout.outputs, layout.inputs, layout.rows.kernel, layout.columns.kernel},
                x.options().memory_format(at::MemoryFormat::Contiguous));
  uint16_t* const target = static_cast<uint16_t*>(result.data_ptr());
  at::parallel_for(0, layout.outputs, 1, [&](int64_t begin, int64_t end) {
    for (int64_t output = begin; output < end; output++) {
      for (int64_t input = 0; input < layout.inputs; input++) {
        for (int64_t tap = 0; tap < taps; tap++) {
          const int64_t tile = output / side * inputTiles + input / side * taps + tap;
          const int64_t place = tile * tileFloats + input % side * side + output % side;
          float total = 0;
          for (Buffer<float>& part : sums) total += part.data()[place];
          store(total, target + (output * layout.inputs + input) * taps + tap);
        }
      }
    }
  });
  return result;
}

class AmxConvolution : public torch::autograd::Function<AmxConvolution> {
 public:
  static at::Tensor forward(torch::autograd::AutogradContext* context, const at::Tensor& x,
                            const at::Tensor& weight, const c10::optional<at::Tensor>& bias,
                            at::IntArrayRef stride, at::IntArrayRef padding) {
    context->save_for_backward({x, weight});
    context->saved_data["bias"] = bias.has_value();
    context->saved_data["stride"] = stride;
    context->saved_data["padding"] = padding;
    return at::convolution(x, weight, bias, stride, padding, {1, 1}, false, {0, 0}, 1);
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 torch::autograd::variable_list gradients) {
    const torch::autograd::variable_list saved = context->get_saved_variables();
    const at::Tensor x = saved[0].contiguous(at::MemoryFormat::ChannelsLast);
    const at::Tensor& weight = saved[1];
    const auto stride = context->saved_data["stride"].toIntVector();
    const auto padding = context->saved_data["padding"].toIntVector();
    const at::Tensor gradient = gradients[0].contiguous(at::MemoryFormat::ChannelsLast);
    torch::autograd::variable_list results(5);
    if (context->needs_input_grad(0)) {
      results[0] = std::get<0>(at::convolution_backward(gradient, x, weight, c10::nullopt, stride,
                                                        padding, {1, 1}, false, {0, 0}, 1,
                                                        {true, false, false}));
    }
    if (context->needs_input_grad(1)) {
      const auto axis = [&](int64_t i) -> Axis {
        return {x.size(i + 2), gradient.size(i + 2), weight.size(i + 2), stride[i], padding[i]};
      };
      results[1] = weightGradient(
          x, gradient, {x.size(0), x.size(1), weight.size(0), axis(0), axis(1)});
    }
    const bool hasBias = context->saved_data["bias"].toBool();
    if (hasBias && context->needs_input_grad(2)) results[2] = gradient.sum({0, 2, 3});
    return results;
  }
};

at::Tensor amxConvolution(const at::Tensor& x, const at::Tensor& weight,
                          const c10::optional<at::Tensor>& bias, at::IntArrayRef stride,
                          at::IntArrayRef padding) {
  static const bool canUse = canUseAmx();
  TORCH_CHECK(canUse, "this processor has no AMX");
  TORCH_CHECK(x.dim() == 4 && x.device().is_cpu() && x.scalar_type() == at::kBFloat16 &&
                  x.numel() > 0 && x.size(1) % side == 0,
              "expected a bfloat16 input [N, C, H, W] on the CPU, C a multiple of ", side,
              ", received ", x.scalar_type(), " ", x.sizes());
  TORCH_CHECK(weight.dim() == 4 && weight.scalar_type() == at::kBFloat16 &&
                  weight.size(0) % side == 0 && weight.size(1) == x.size(1),
              "expected a bfloat16 weight [O, ", x.size(1), ", height, width], O a multiple of ",
              side, ", received ", weight.scalar_type(), " ", weight.sizes());
  return AmxConvolution::apply(x, weight, bias, stride, padding);
}

#else

bool canUseAmx() { return false; }

#endif

/** hasMatrixUnits(): whether `deepobf::amx_convolution` works here. */
Napi::Value hasMatrixUnits(const Napi::CallbackInfo& info) {
  return Napi::Boolean::New(info.Env(), canUseAmx());
}

}  // namespace

void defineMatrixUnits(Napi::Object exports) { define<hasMatrixUnits>(exports, "hasMatrixUnits"); }

#ifdef HAS_AMX
TORCH_LIBRARY_FRAGMENT(deepobf, library) {
  library.def(
      "amx_convolution(Tensor x, Tensor weight, Tensor? bias, int[2] stride, int[2] padding)"
      " -> Tensor",
      amxConvolution);
}
#endif

}  // namespace deepobf
