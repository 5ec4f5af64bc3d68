// What the convolutions on the matrix units of AMX share (Intel, "Architecture instruction set extensions and future
// features", chapter 3): how images lie, and how tiles are set up. Images lie position after position, with zeros
// between rows and between images, so that a tap of a kernel is nothing but an offset, and no patch is ever copied.
#pragma once
#include <ATen/ATen.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <tuple>
#include <vector>

#if defined(__x86_64__) && defined(__linux__) && (defined(__clang__) || __GNUC__ >= 11)
#define HAS_AMX 1
#include <immintrin.h>

#include "buffer.h"

#define AMX __attribute__((target("amx-tile,amx-bf16,avx512f,avx512bw,avx512vl,avx512bf16")))

namespace deepobf {

// Channels of a tile of sums, and positions that one product of tiles sums over.
constexpr int64_t side = 16, depth = 32;
constexpr int64_t tileFloats = side * side;
// So many positions of two tiles' channels stay in the nearest caches.
constexpr int64_t positionsAtOnce = 1024;

/** Tiles that hold so many channels. */
inline int64_t tilesOf(int64_t channels) { return (channels + side - 1) / side; }

/** Of 16 channels from one on those that there are. */
inline __mmask16 channelsFrom(int64_t channel, int64_t channels) {
  return static_cast<__mmask16>((1u << std::clamp<int64_t>(channels - channel, 0, side)) - 1);
}

inline int64_t floorDivide(int64_t a, int64_t b) { return a >= 0 ? a / b : -((b - 1 - a) / b); }

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
inline std::vector<int32_t> pixelsOf(const Layout& layout, int64_t height, int64_t width, int64_t stepY,
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

/** The input's pixel at every position, for each phase. */
inline std::vector<std::vector<int32_t>> inputPixels(const Layout& layout) {
  const Axis &rows = layout.rows, &columns = layout.columns;
  std::vector<std::vector<int32_t>> pixels;
  for (int64_t phase = 0; phase < layout.phases(); phase++) {
    pixels.push_back(pixelsOf(layout, rows.input, columns.input, rows.stride,
                              phase / columns.stride, columns.stride, phase % columns.stride));
  }
  return pixels;
}

/** The output's pixel at every position. */
inline std::vector<int32_t> outputPixels(const Layout& layout) {
  return pixelsOf(layout, layout.rows.output, layout.columns.output, 1, 0, 1, 0);
}

/** All eight tiles as 16 rows of 64 bytes. */
AMX inline void configureTiles() {
  struct alignas(64) {
    uint8_t palette = 1, startRow = 0, reserved[14] = {};
    uint16_t bytes[16] = {64, 64, 64, 64, 64, 64, 64, 64};
    uint8_t rows[16] = {16, 16, 16, 16, 16, 16, 16, 16};
  } configuration;
  _tile_loadconfig(&configuration);
}

/**
 * Convolution of x [N, C, H, W] with weight [O, C, height, width] and a bias, or none; to it comes an addend of the
 * output's shape, or none, and ReLU behind it. Channels last, in bfloat16.
 */
at::Tensor convolveMaps(const at::Tensor& x, const at::Tensor& weight,
                        const c10::optional<at::Tensor>& bias, const Layout& layout,
                        const c10::optional<at::Tensor>& addend, bool withRelu);

/** Gradient of x, of the output's gradient [N, O, H, W] and the weight. Channels last, in bfloat16. */
at::Tensor inputGradient(const at::Tensor& gradient, const at::Tensor& weight,
                         const Layout& layout);

/** Gradient of the weight [O, C, height, width], of x and the output's gradient, both channels last, in bfloat16. */
at::Tensor weightGradient(const at::Tensor& x, const at::Tensor& gradient, const Layout& layout);

}  // namespace deepobf
#endif
