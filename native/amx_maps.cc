// Convolutions and their input gradients on AMX: at 32 positions after the other, the sum over all taps of the source,
// moved by the tap, times the tap's weights. A product of tiles takes 16 positions, whatever rows and images they
// belong to, and so loses nothing where rows are short. Where channels are few, it takes several taps in a row.
#include "amx.h"

#ifdef HAS_AMX
#include <ATen/Parallel.h>

#include "elements.h"

namespace deepobf {
namespace {

// Numbers of a tile of source or weights.
constexpr int64_t tileElements = side * depth;

/** Taps in a row, whose sources lie side by side from an offset in a phase on. */
struct Term {
  int64_t phase, offset;
  std::vector<int64_t> taps;
};

/** Where a product of tiles begins, in numbers from the first of the source and of the weights. */
struct Product {
  int64_t source, weights;
};

/** What becomes of sums: what is added for each channel and for each element, or neither, and ReLU. */
struct Ending {
  const float* bias;
  const uint16_t* addend;
  bool withRelu;
};

/** From source to target, which are input and output or, for a gradient, the other way round. */
struct Course {
  const Layout& layout;
  bool isForward;
  int64_t sources, targets;
  /** Pixels of an image. */
  int64_t sourceArea, targetArea;
  /** Pixels of each phase by position. */
  std::vector<std::vector<int32_t>> sourcePixels, targetPixels;
  /** Terms of each phase of the target. */
  std::vector<std::vector<Term>> terms;

  /** Channels that a product takes of each tap; a power of two. */
  int64_t channelsAtOnce() const {
    return sources > side ? depth : sources > 8 ? side : sources > 4 ? 8 : 4;
  }
  int64_t blocks() const { return (sources + channelsAtOnce() - 1) / channelsAtOnce(); }
  /** Products of tiles for each tile of the target. */
  int64_t products() const {
    int64_t count = 0;
    for (const auto& each : terms) count += each.size();
    return count * blocks();
  }
  /** Positions of a phase and of a block of channels, an odd number, so that blocks share no places in the cache. */
  int64_t line() const { return (layout.positions() + 2 * layout.margin() + depth) | 1; }
  int64_t phaseLength() const { return blocks() * line() * channelsAtOnce(); }
};

/** All terms, with taps one by one. */
std::vector<std::vector<Term>> termsOf(const Layout& layout, bool isForward) {
  const Axis &rows = layout.rows, &columns = layout.columns;
  std::vector<std::vector<Term>> terms(isForward ? 1 : layout.phases());
  for (int64_t tap = 0; tap < layout.taps(); tap++) {
    const int64_t y = tap / columns.kernel, x = tap % columns.kernel;
    const int64_t phase = rows.phase(y) * columns.stride + columns.phase(x);
    const int64_t offset = rows.shift(y) * columns.length() + columns.shift(x);
    if (isForward) terms[0].push_back({phase, offset, {tap}});
    if (!isForward) terms[phase].push_back({0, -offset, {tap}});
  }
  return terms;
}

/** Neighbours made one term, of so many taps at most. */
std::vector<Term> merged(std::vector<Term> terms, int64_t most) {
  std::sort(terms.begin(), terms.end(), [](const Term& a, const Term& b) {
    return std::tie(a.phase, a.offset) < std::tie(b.phase, b.offset);
  });
  std::vector<Term> result;
  for (const Term& term : terms) {
    const bool follows = !result.empty() && result.back().phase == term.phase &&
                         result.back().offset + static_cast<int64_t>(result.back().taps.size()) ==
                             term.offset;
    if (follows && static_cast<int64_t>(result.back().taps.size()) < most) {
      result.back().taps.push_back(term.taps[0]);
    } else {
      result.push_back(term);
    }
  }
  return result;
}

Course courseOf(const Layout& layout, bool isForward) {
  const Axis &rows = layout.rows, &columns = layout.columns;
  Course course = {layout, isForward, layout.inputs, layout.outputs, rows.input * columns.input,
                   rows.output * columns.output, inputPixels(layout),
                   {outputPixels(layout)}, termsOf(layout, isForward)};
  if (!isForward) {
    std::swap(course.sources, course.targets);
    std::swap(course.sourceArea, course.targetArea);
    std::swap(course.sourcePixels, course.targetPixels);
  }
  for (auto& each : course.terms) {
    each = merged(std::move(each), depth / course.channelsAtOnce());
  }
  return course;
}

/** The products of each phase of the target. */
std::vector<std::vector<Product>> productsOf(const Course& course) {
  std::vector<std::vector<Product>> products;
  int64_t weights = 0;
  for (const auto& terms : course.terms) {
    products.emplace_back();
    for (int64_t block = 0; block < course.blocks(); block++) {
      for (const auto& [phase, offset, taps] : terms) {
        const int64_t position = block * course.line() + offset;
        products.back().push_back(
            {phase * course.phaseLength() + position * course.channelsAtOnce(), weights});
        weights += tileElements;
      }
    }
  }
  return products;
}

/**
 * Weights as tiles, for each 16 targets in the order of products: 16 rows, each of two sources of 16 targets in turn,
 * with zeros where sources or targets end.
 */
void packWeights(const Course& course, const at::Tensor& weight, uint16_t* packed) {
  const int64_t width = course.layout.columns.kernel, atOnce = course.channelsAtOnce();
  const int64_t sourceStride = weight.stride(course.isForward ? 1 : 0);
  const int64_t targetStride = weight.stride(course.isForward ? 0 : 1);
  at::parallel_for(0, tilesOf(course.targets), 1, [&](int64_t begin, int64_t end) {
    uint16_t* to = packed + begin * course.products() * tileElements;
    for (int64_t tile = begin; tile < end; tile++) {
      const int64_t targets = std::min(side, course.targets - tile * side);
      const uint16_t* const from = elements<uint16_t>(weight) + tile * side * targetStride;
      for (const auto& terms : course.terms) {
        for (int64_t block = 0; block < course.blocks(); block++) {
          const int64_t sources = std::min(atOnce, course.sources - block * atOnce);
          for (const Term& term : terms) {
            for (size_t i = 0; i < term.taps.size(); i++) {
              const int64_t y = term.taps[i] / width, x = term.taps[i] % width;
              const uint16_t* const tap = from + block * atOnce * sourceStride +
                                          y * weight.stride(2) + x * weight.stride(3);
              uint16_t* const rows = to + i * atOnce * side;
              for (int64_t source = 0; source < sources; source++) {
                uint16_t* const row = rows + source / 2 * depth + source % 2;
                for (int64_t target = 0; target < targets; target++) {
                  row[2 * target] = tap[source * sourceStride + target * targetStride];
                }
              }
            }
            to += tileElements;
          }
        }
      }
    }
  });
}

/** Sums of 32 positions and of 16 or 32 targets: tiles of 16 by 16, position after position. */
template <bool twoTiles>
AMX void multiply(const std::vector<Product>& products, const uint16_t* source,
                  int64_t channelsAtOnce, const uint16_t* weights, const uint16_t* nextWeights,
                  float* sums) {
  const int64_t rowBytes = channelsAtOnce * sizeof(uint16_t);
  _tile_zero(0);
  _tile_zero(2);
  if constexpr (twoTiles) {
    _tile_zero(1);
    _tile_zero(3);
  }
  for (const Product& product : products) {
    const uint16_t* const from = source + product.source;
    _tile_loadd(4, from, rowBytes);
    _tile_loadd(6, weights + product.weights, 64);
    _tile_dpbf16ps(0, 4, 6);
    _tile_loadd(5, from + side * channelsAtOnce, rowBytes);
    _tile_dpbf16ps(2, 5, 6);
    if constexpr (twoTiles) {
      _tile_loadd(7, nextWeights + product.weights, 64);
      _tile_dpbf16ps(1, 4, 7);
      _tile_dpbf16ps(3, 5, 7);
    }
  }
  _tile_stored(0, sums, 64);
  _tile_stored(2, sums + tileFloats, 64);
  if constexpr (twoTiles) {
    _tile_stored(1, sums + 2 * tileFloats, 64);
    _tile_stored(3, sums + 3 * tileFloats, 64);
  }
}

/** The pixels of images that there are, block of channels after block. */
AMX void gather(const Course& course, const uint16_t* source, int64_t count, uint16_t* lines) {
  const int64_t atOnce = course.channelsAtOnce(), positions = course.layout.positions();
  const int64_t end = count * course.sourceArea;
  uint16_t* line = lines + course.layout.margin() * atOnce;
  for (const auto& pixels : course.sourcePixels) {
    for (int64_t block = 0; block < course.blocks(); block++) {
      const int64_t channel = block * atOnce, channels = std::min(atOnce, course.sources - channel);
      const auto kept = static_cast<__mmask32>((1ull << channels) - 1);
      const auto written = static_cast<__mmask32>((1ull << atOnce) - 1);
      for (int64_t position = 0; position < positions; position++) {
        const int64_t pixel = pixels[position];
        if (pixel < 0 || pixel >= end) continue;
        const uint16_t* const from = source + pixel * course.sources + channel;
        _mm512_mask_storeu_epi16(line + position * atOnce, written,
                                 _mm512_maskz_loadu_epi16(kept, from));
      }
      line += course.line() * atOnce;
    }
  }
}

/** 16 sums, what is added to them, and 0 for what is negative, if so. */
AMX __m512 finished(const float* sums, __m512 bias, const uint16_t* addend, __mmask16 kept,
                    bool withRelu) {
  __m512 value = _mm512_add_ps(_mm512_load_ps(sums), bias);
  if (addend) {
    const __m512i wide = _mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(kept, addend));
    value = _mm512_add_ps(value, _mm512_castsi512_ps(_mm512_slli_epi32(wide, 16)));
  }
  // The second factor is what comes of a number that is none.
  return withRelu ? _mm512_max_ps(_mm512_setzero_ps(), value) : value;
}

/** Writes up to 32 targets from a tile on to the pixels that 32 positions have. */
AMX void scatter(const Course& course, const float* sums, const Ending& ending, int64_t tile,
                 const int32_t* pixels, int64_t end, int64_t offset, uint16_t* target) {
  const __mmask16 low = channelsFrom(tile * side, course.targets);
  const __mmask16 high = channelsFrom((tile + 1) * side, course.targets);
  const auto biasOf = [&](int64_t i, __mmask16 kept) AMX {
    return ending.bias ? _mm512_maskz_loadu_ps(kept, ending.bias + i * side) : _mm512_setzero_ps();
  };
  const __m512 lowBias = biasOf(tile, low), highBias = biasOf(tile + 1, high);
  for (int64_t i = 0; i < depth; i++) {
    if (pixels[i] < 0 || pixels[i] >= end) continue;
    const float* const row = sums + i * side;
    const int64_t place = offset + pixels[i] * course.targets + tile * side;
    const uint16_t* const addend = ending.addend ? ending.addend + place : nullptr;
    const __m512 first = finished(row, lowBias, addend, low, ending.withRelu);
    const __m512 second = finished(row + 2 * tileFloats, highBias, addend ? addend + side : nullptr,
                                   high, ending.withRelu);
    _mm512_mask_storeu_epi16(target + place, low | static_cast<__mmask32>(high) << side,
                             reinterpret_cast<__m512i>(_mm512_cvtne2ps_pbh(second, first)));
  }
}

/** Chunks `begin` to `end` of the target. */
AMX void convolveChunks(const Course& course, const uint16_t* source, const uint16_t* packed,
                        const Ending& ending, int64_t begin, int64_t end, uint16_t* target) {
  const Layout& layout = course.layout;
  const auto products = productsOf(course);
  const int64_t atOnce = course.channelsAtOnce();
  const int64_t positions = layout.positions(), margin = layout.margin();
  const int64_t tileWeights = course.products() * tileElements;
  Buffer<uint16_t> lines(course.sourcePixels.size() * course.phaseLength());
  Buffer<float> sums(4 * tileFloats);
  configureTiles();
  for (int64_t chunk = begin; chunk < end; chunk++) {
    const int64_t first = chunk * layout.imagesAtOnce();
    const int64_t count = std::min(layout.imagesAtOnce(), layout.images - first);
    gather(course, source + first * course.sourceArea * course.sources, count, lines.data());
    const int64_t offset = first * course.targetArea * course.targets;
    for (int64_t tile = 0; tile < tilesOf(course.targets); tile += 2) {
      const bool twoTiles = tile + 1 < tilesOf(course.targets);
      const uint16_t* const weights = packed + tile * tileWeights;
      for (size_t phase = 0; phase < products.size(); phase++) {
        for (int64_t position = 0; position < positions; position += depth) {
          const uint16_t* const from = lines.data() + (margin + position) * atOnce;
          (twoTiles ? multiply<true> : multiply<false>)(
              products[phase], from, atOnce, weights, weights + tileWeights, sums.data());
          const int32_t* const pixels = course.targetPixels[phase].data() + position;
          const int64_t pixelsEnd = count * course.targetArea;
          scatter(course, sums.data(), ending, tile, pixels, pixelsEnd, offset, target);
        }
      }
    }
  }
  _tile_release();
}

at::Tensor convolve(const Course& course, const at::Tensor& source, const at::Tensor& weight,
                    const Ending& ending, at::IntArrayRef shape) {
  Buffer<uint16_t> packed(tilesOf(course.targets) * course.products() * tileElements);
  packWeights(course, weight, packed.data());
  const at::Tensor result =
      at::empty(shape, source.options().memory_format(at::MemoryFormat::ChannelsLast));
  at::parallel_for(0, course.layout.chunks(), 1, [&](int64_t begin, int64_t end) {
    convolveChunks(course, elements<uint16_t>(source), packed.data(), ending, begin, end,
                   static_cast<uint16_t*>(result.data_ptr()));
  });
  return result;
}

}  // namespace

at::Tensor convolveMaps(const at::Tensor& x, const at::Tensor& weight,
                        const c10::optional<at::Tensor>& bias, const Layout& layout,
                        const c10::optional<at::Tensor>& addend, bool withRelu) {
  const at::Tensor added = bias ? bias->to(at::kFloat).contiguous() : at::Tensor();
  const Ending ending = {bias ? elements<float>(added) : nullptr,
                         addend ? elements<uint16_t>(*addend) : nullptr, withRelu};
  return convolve(courseOf(layout, true), x, weight, ending,
                  {layout.images, layout.outputs, layout.rows.output, layout.columns.output});
}

at::Tensor inputGradient(const at::Tensor& gradient, const at::Tensor& weight,
                         const Layout& layout) {
  return convolve(courseOf(layout, false), gradient, weight, {nullptr, nullptr, false},
                  {layout.images, layout.inputs, layout.rows.input, layout.columns.input});
}

}  // namespace deepobf
#endif
