// Weight gradients on AMX: that of a tap is the product of the input, moved by that tap, with the output's gradient,
// summed over all positions.
#include "amx.h"

#ifdef HAS_AMX
#include <ATen/Parallel.h>

#include "elements.h"

namespace deepobf {
namespace {

/** `kept` of 16 channels of 16 pixels, from pixel after pixel to channel after channel, `line` apart. */
AMX void transpose(const std::array<const uint16_t*, side>& pixels, int64_t channel,
                   __mmask16 kept, uint16_t* target, int64_t line) {
  __m256i a[side], b[side];
  for (int64_t i = 0; i < side; i++) {
    a[i] = _mm256_maskz_loadu_epi16(kept, pixels[i] + channel);
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

/** `kept` of 16 channels of two pixels in turn: what a product of tiles takes as its second factor. */
AMX void interleave(const uint16_t* even, const uint16_t* odd, __mmask16 kept, uint16_t* target) {
  const __m256i a = _mm256_maskz_loadu_epi16(kept, even);
  const __m256i b = _mm256_maskz_loadu_epi16(kept, odd);
  const __m256i low = _mm256_unpacklo_epi16(a, b), high = _mm256_unpackhi_epi16(a, b);
  const auto to = reinterpret_cast<__m256i*>(target);
  _mm256_storeu_si256(to, _mm256_permute2x128_si256(low, high, 0x20));
  _mm256_storeu_si256(to + 1, _mm256_permute2x128_si256(low, high, 0x31));
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
  const int64_t inputTiles = tilesOf(inputs) * taps, outputTiles = tilesOf(outputs);
  const int64_t phaseLength = tilesOf(inputs) * side * line;
  Buffer<uint16_t> lines(layout.phases() * phaseLength), pairs(outputTiles * side * positions);
  Buffer<uint16_t> zeros(std::max(inputs, outputs));
  const auto pixelsOfInput = inputPixels(layout);
  const auto pixelsOfOutput = outputPixels(layout);
  configureTiles();
  for (int64_t chunk = begin; chunk < end; chunk++) {
    const int64_t first = chunk * layout.imagesAtOnce();
    const int64_t count = std::min(layout.imagesAtOnce(), images - first);
    const auto place = [&](const uint16_t* from, int32_t pixel, int64_t area, int64_t channels) {
      const bool isThere = pixel >= 0 && pixel < count * area;
      return isThere ? from + (first * area + pixel) * channels : zeros.data();
    };
    for (int64_t phase = 0; phase < layout.phases(); phase++) {
      uint16_t* const target = lines.data() + phase * phaseLength + layout.margin();
      for (int64_t position = 0; position < positions; position += side) {
        std::array<const uint16_t*, side> from;
        for (int64_t i = 0; i < side; i++) {
          from[i] = place(x, pixelsOfInput[phase][position + i], rows.input * columns.input, inputs);
        }
        for (int64_t channel = 0; channel < inputs; channel += side) {
          transpose(from, channel, channelsFrom(channel, inputs),
                    target + channel * line + position, line);
        }
      }
    }
    for (int64_t position = 0; position < positions; position += 2) {
      const int64_t area = rows.output * columns.output;
      const uint16_t* const even = place(gradient, pixelsOfOutput[position], area, outputs);
      const uint16_t* const odd = place(gradient, pixelsOfOutput[position + 1], area, outputs);
      for (int64_t channel = 0; channel < outputs; channel += side) {
        interleave(even + channel, odd + channel, channelsFrom(channel, outputs),
                   pairs.data() + channel * positions + position * side);
      }
    }
    const auto lineOf = [&](int64_t inputTile) -> const uint16_t* {
      const int64_t channel = inputTile / taps * side, tap = inputTile % taps;
      const int64_t y = tap / columns.kernel, x = tap % columns.kernel;
      const int64_t phase = rows.phase(y) * columns.stride + columns.phase(x);
      const int64_t shift = rows.shift(y) * columns.length() + columns.shift(x);
      return lines.data() + phase * phaseLength + channel * line + layout.margin() + shift;
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

}  // namespace

at::Tensor weightGradient(const at::Tensor& x, const at::Tensor& gradient, const Layout& layout) {
  const int64_t taps = layout.taps(), inputTiles = tilesOf(layout.inputs) * taps;
  const int64_t parts = std::min<int64_t>(at::get_num_threads(), layout.chunks());
  const int64_t floats = inputTiles * tilesOf(layout.outputs) * tileFloats;
  std::vector<Buffer<float>> sums(parts);
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

}  // namespace deepobf
#endif
