// Convolutions of 3x3 pixels with stride 1 and padding 1 by minimal filtering, F(2x2, 3x3) of Lavin and
// Gray (2016, arXiv 1509.09308, section 4.1): 16 products for 2x2 outputs, where the direct way takes 36.
// Forward, gradient of the input (the same with turned filters) and gradient of the weights (the
// transposed algorithm). float32, CPU, channels last, channels in multiples of 16.
#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/library.h>

#include <algorithm>
#include <array>
#include <vector>

#include "buffer.h"
#include "elements.h"

namespace deepobf {
namespace {

// A tile is 4x4 inputs or, transformed, as many frequencies.
constexpr int64_t side = 4;
constexpr int64_t frequencies = side * side;
// Channels that lie side by side in transformed filters: a vector of AVX-512, two of AVX2.
constexpr int64_t panel = 16;
constexpr int64_t lanes = panel / 2;
constexpr int rowsAtOnce = 12;
// Floats of a block's transformed tiles, which stay in the second-level cache.
constexpr int64_t blockFloats = 96 * 1024;
// More tiles than fit are better than filters that come from memory for fewer.
constexpr int64_t fewestTiles = 4 * rowsAtOnce, mostTiles = 8 * rowsAtOnce;

using Vector = float __attribute__((vector_size(lanes * sizeof(float)), aligned(sizeof(float))));
using WideVector = float __attribute__((vector_size(panel * sizeof(float)), aligned(sizeof(float))));

#define INLINE inline __attribute__((always_inline))

template <typename T = Vector>
INLINE T& lanesAt(float* place) {
  return *reinterpret_cast<T*>(place);
}
template <typename T = Vector>
INLINE const T& lanesAt(const float* place) {
  return *reinterpret_cast<const T*>(place);
}

/** Images [N, H, W, C] in tiles of 2x2 outputs, and blocks of tiles. */
struct Tiling {
  int64_t images, height, width;
  int64_t tilesInBlock;

  Tiling(const at::Tensor& x, int64_t channelsOfBoth)
      : images(x.size(0)), height(x.size(2)), width(x.size(3)) {
    const int64_t fitting = blockFloats / (frequencies * channelsOfBoth);
    tilesInBlock = std::clamp(fitting / rowsAtOnce * rowsAtOnce, fewestTiles, mostTiles);
  }
  int64_t rows() const { return (height + 1) / 2; }
  int64_t columns() const { return (width + 1) / 2; }
  int64_t tiles() const { return images * rows() * columns(); }
  int64_t blocks() const { return (tiles() + tilesInBlock - 1) / tilesInBlock; }
};

/**
 * The pixels of a square of `size` that begins at twice the tile's place less `padding`; `outside` for
 * those that lie outside of the image.
 */
template <int64_t size, typename T>
INLINE void pixelsOf(const Tiling& by, int64_t tile, int64_t padding, T* images, int64_t channels,
                     T* outside, T** pixels) {
  const int64_t image = tile / (by.rows() * by.columns());
  const int64_t top = tile / by.columns() % by.rows() * 2 - padding;
  const int64_t left = tile % by.columns() * 2 - padding;
  for (int64_t i = 0; i < size; i++) {
    for (int64_t j = 0; j < size; j++) {
      const int64_t y = top + i, x = left + j;
      const bool inside = y >= 0 && y < by.height && x >= 0 && x < by.width;
      pixels[i * size + j] =
          inside ? images + ((image * by.height + y) * by.width + x) * channels : outside;
    }
  }
}

/** Bt d B for every tile of a block: `result` is [frequency, tile, channel]. */
FOR_EACH_PROCESSOR void transformInputs(const Tiling& by, const float* x, int64_t channels,
                                        int64_t first, int64_t count, const float* zeros,
                                        float* result) {
  const int64_t plane = by.tilesInBlock * channels;
  for (int64_t t = 0; t < count; t++, result += channels) {
    const float* pixels[frequencies];
    pixelsOf<side>(by, first + t, 1, x, channels, zeros, pixels);
    for (int64_t c = 0; c < channels; c += lanes) {
      Vector half[side][side];
      for (int64_t j = 0; j < side; j++) {
        const Vector d0 = lanesAt(pixels[j] + c), d1 = lanesAt(pixels[side + j] + c);
        const Vector d2 = lanesAt(pixels[2 * side + j] + c), d3 = lanesAt(pixels[3 * side + j] + c);
        half[0][j] = d0 - d2;
        half[1][j] = d1 + d2;
        half[2][j] = d2 - d1;
        half[3][j] = d1 - d3;
      }
      for (int64_t i = 0; i < side; i++) {
        float* row = result + i * side * plane + c;
        lanesAt(row) = half[i][0] - half[i][2];
        lanesAt(row + plane) = half[i][1] + half[i][2];
        lanesAt(row + 2 * plane) = half[i][2] - half[i][1];
        lanesAt(row + 3 * plane) = half[i][1] - half[i][3];
      }
    }
  }
}

/** At m A for every tile of a block, and the bias: 2x2 outputs from [frequency, tile, channel]. */
FOR_EACH_PROCESSOR void transformOutputs(const Tiling& by, const float* products, int64_t channels,
                                         int64_t first, int64_t count, const float* bias,
                                         float* outside, float* y) {
  const int64_t plane = by.tilesInBlock * channels;
  for (int64_t t = 0; t < count; t++, products += channels) {
    float* pixels[4];
    pixelsOf<2>(by, first + t, 0, y, channels, outside, pixels);
    for (int64_t c = 0; c < channels; c += lanes) {
      Vector half[2][side];
      for (int64_t j = 0; j < side; j++) {
        const float* column = products + j * plane + c;
        const Vector m1 = lanesAt(column + side * plane), m2 = lanesAt(column + 2 * side * plane);
        half[0][j] = lanesAt(column) + m1 + m2;
        half[1][j] = m1 - m2 - lanesAt(column + 3 * side * plane);
      }
      for (int64_t i = 0; i < 2; i++) {
        const Vector add = lanesAt(bias + c);
        lanesAt(pixels[2 * i] + c) = half[i][0] + half[i][1] + half[i][2] + add;
        lanesAt(pixels[2 * i + 1] + c) = half[i][1] - half[i][2] - half[i][3] + add;
      }
    }
  }
}

/** A g At for every tile of a block: the gradients of the 16 products from those of 2x2 outputs. */
FOR_EACH_PROCESSOR void transformGradients(const Tiling& by, const float* gradient,
                                           int64_t channels, int64_t first, int64_t count,
                                           const float* zeros, float* result) {
  const int64_t plane = by.tilesInBlock * channels;
  for (int64_t t = 0; t < count; t++, result += channels) {
    const float* pixels[4];
    pixelsOf<2>(by, first + t, 0, gradient, channels, zeros, pixels);
    for (int64_t c = 0; c < channels; c += lanes) {
      Vector half[side][2];
      for (int64_t j = 0; j < 2; j++) {
        const Vector g0 = lanesAt(pixels[j] + c), g1 = lanesAt(pixels[2 + j] + c);
        half[0][j] = g0;
        half[1][j] = g0 + g1;
        half[2][j] = g0 - g1;
        half[3][j] = -g1;
      }
      for (int64_t i = 0; i < side; i++) {
        float* row = result + i * side * plane + c;
        lanesAt(row) = half[i][0];
        lanesAt(row + plane) = half[i][0] + half[i][1];
        lanesAt(row + 2 * plane) = half[i][0] - half[i][1];
        lanesAt(row + 3 * plane) = -half[i][1];
      }
    }
  }
}

/** A matrix whose element (i, j) lies at data[i * row + j * column]. */
struct Matrix {
  const float* data;
  int64_t row, column;
};

/**
 * c = a b, or c += a b where it `adds`. Rows of b and of c lie bRow and cRow apart, panels of b bPanel, those
 * of c side by side.
 */
struct Product {
  Matrix a;
  const float* b;
  int64_t bRow, bPanel, depth;
  float* c;
  int64_t cRow;
  bool adds;
};

/** The next rows of some columns, in registers. Their vectors lie bNext apart in b, side by side in c. */
template <typename T, int rows, int vectors>
INLINE void multiplyRows(Product& by, int64_t bNext) {
  constexpr int64_t width = sizeof(T) / sizeof(float);
  T sums[rows][vectors] = {};
  if (by.adds) {
    for (int i = 0; i < rows; i++) {
      for (int j = 0; j < vectors; j++) sums[i][j] = lanesAt<T>(by.c + i * by.cRow + j * width);
    }
  }
  const float *a = by.a.data, *b = by.b;
  for (int64_t k = 0; k < by.depth; k++, a += by.a.column, b += by.bRow) {
    T row[vectors];
    for (int j = 0; j < vectors; j++) row[j] = lanesAt<T>(b + j * bNext);
    for (int i = 0; i < rows; i++) {
      for (int j = 0; j < vectors; j++) sums[i][j] += a[i * by.a.row] * row[j];
    }
  }
  for (int i = 0; i < rows; i++) {
    for (int j = 0; j < vectors; j++) lanesAt<T>(by.c + i * by.cRow + j * width) = sums[i][j];
  }
  by.a.data += rows * by.a.row;
  by.c += rows * by.cRow;
}

/** All rows of some columns. */
template <typename T, int atOnce, int vectors>
INLINE void multiplyColumns(Product by, int64_t rows, int64_t bNext) {
  for (; rows >= atOnce; rows -= atOnce) multiplyRows<T, atOnce, vectors>(by, bNext);
  if (rows & 8) multiplyRows<T, 8, vectors>(by, bNext);
  if (rows & 4) multiplyRows<T, 4, vectors>(by, bNext);
  if (rows & 2) multiplyRows<T, 2, vectors>(by, bNext);
  if (rows & 1) multiplyRows<T, 1, vectors>(by, bNext);
}

/** A panel at a time, in two vectors: 12 sums for the 16 registers of AVX2. */
INLINE void multiplyPanels(Product by, int64_t rows, int64_t panels) {
  for (; panels > 0; panels--, by.b += by.bPanel, by.c += panel) {
    multiplyColumns<Vector, 6, 2>(by, rows, lanes);
  }
}

#if defined(__x86_64__)
/** Two panels at a time: 24 sums for the 32 registers of AVX-512. */
__attribute__((target("arch=x86-64-v4"))) void multiply(Product by, int64_t rows, int64_t panels) {
  for (; panels > 1; panels -= 2, by.b += 2 * by.bPanel, by.c += 2 * panel) {
    multiplyColumns<WideVector, 12, 2>(by, rows, by.bPanel);
  }
  if (panels > 0) multiplyColumns<WideVector, 12, 1>(by, rows, by.bPanel);
}

__attribute__((target("arch=x86-64-v3"))) void multiply(Product by, int64_t rows, int64_t panels) {
  multiplyPanels(by, rows, panels);
}

__attribute__((target("default")))
#endif
void multiply(Product by, int64_t rows, int64_t panels) {
  multiplyPanels(by, rows, panels);
}

/** G g Gt of one axis: four frequencies from three taps. */
INLINE std::array<float, side> filterAxis(float g0, float g1, float g2) {
  const float ends = g0 + g2;
  return {g0, 0.5f * (ends + g1), 0.5f * (ends - g1), g2};
}

/**
 * Filters as [frequency, panel of outputs, input, output in the panel], from weights [O, I, 3, 3]; with
 * `turned` those that lead back from the outputs to the inputs.
 */
Buffer<float> transformFilters(const at::Tensor& weight, bool turned) {
  const int64_t outputs = weight.size(turned ? 1 : 0), inputs = weight.size(turned ? 0 : 1);
  Buffer<float> result(frequencies * inputs * outputs);
  at::parallel_for(0, outputs, 16, [&](int64_t begin, int64_t end) {
    for (int64_t o = begin; o < end; o++) {
      for (int64_t i = 0; i < inputs; i++) {
        const float* taps =
            elements<float>(weight) + (turned ? i * outputs + o : o * inputs + i) * 9;
        const auto tap = [&](int64_t row, int64_t column) {
          return taps[turned ? 8 - (row * 3 + column) : row * 3 + column];
        };
        std::array<float, side> columns[3];
        for (int64_t j = 0; j < 3; j++) columns[j] = filterAxis(tap(0, j), tap(1, j), tap(2, j));
        float* place = result.data() + (o / panel * inputs + i) * panel + o % panel;
        for (int64_t row = 0; row < side; row++) {
          for (const float value :
               filterAxis(columns[0][row], columns[1][row], columns[2][row])) {
            *place = value;
            place += inputs * outputs;
          }
        }
      }
    }
  });
  return result;
}

/** Gt u G of one axis: the gradients of three taps from those of four frequencies. */
INLINE std::array<float, 3> tapAxis(float u0, float u1, float u2, float u3) {
  const float even = 0.5f * (u1 + u2);
  return {u0 + even, 0.5f * (u1 - u2), even + u3};
}

/** Images x [N, C, H, W] convolved with transformed filters, and the bias, to y [N, O, H, W]. */
void convolve(const at::Tensor& x, const Buffer<float>& filters, const float* bias,
              const at::Tensor& y) {
  const int64_t inputs = x.size(1), outputs = y.size(1);
  const Tiling by(x, inputs + outputs);
  at::parallel_for(0, by.blocks(), 1, [&](int64_t begin, int64_t end) {
    const Buffer<float> zeros(inputs);
    Buffer<float> outside(outputs);
    Buffer<float> tiles(frequencies * by.tilesInBlock * inputs);
    Buffer<float> products(frequencies * by.tilesInBlock * outputs);
    for (int64_t block = begin; block < end; block++) {
      const int64_t first = block * by.tilesInBlock;
      const int64_t count = std::min(by.tilesInBlock, by.tiles() - first);
      transformInputs(by, elements<float>(x), inputs, first, count, zeros.data(), tiles.data());
      for (int64_t f = 0; f < frequencies; f++) {
        const Matrix a{tiles.data() + f * by.tilesInBlock * inputs, inputs, 1};
        const float* b = filters.data() + f * outputs * inputs;
        float* c = products.data() + f * by.tilesInBlock * outputs;
        multiply({a, b, panel, inputs * panel, inputs, c, outputs, /*adds=*/false}, count,
                 outputs / panel);
      }
      transformOutputs(by, products.data(), outputs, first, count, bias, outside.data(),
                       y.data_ptr<float>());
    }
  });
}

/** Gradients of the weights [O, I, 3, 3]. Every thread sums over its part of the tiles. */
at::Tensor weightGradient(const at::Tensor& x, const at::Tensor& gradient) {
  const int64_t inputs = x.size(1), outputs = gradient.size(1);
  const Tiling by(x, inputs + outputs);
  const int64_t plane = inputs * outputs;
  const int64_t parts = std::min<int64_t>(at::get_num_threads(), by.blocks());
  std::vector<Buffer<float>> sums(parts);
  at::parallel_for(0, parts, 1, [&](int64_t firstPart, int64_t lastPart) {
    const Buffer<float> zeros(std::max(inputs, outputs));
    Buffer<float> tiles(frequencies * by.tilesInBlock * inputs);
    Buffer<float> gradients(frequencies * by.tilesInBlock * outputs);
    for (int64_t part = firstPart; part < lastPart; part++) {
      sums[part] = Buffer<float>(frequencies * plane);
      const int64_t end = by.blocks() * (part + 1) / parts;
      for (int64_t block = by.blocks() * part / parts; block < end; block++) {
        const int64_t first = block * by.tilesInBlock;
        const int64_t count = std::min(by.tilesInBlock, by.tiles() - first);
        transformInputs(by, elements<float>(x), inputs, first, count, zeros.data(), tiles.data());
        transformGradients(by, elements<float>(gradient), outputs, first, count, zeros.data(),
                           gradients.data());
        for (int64_t f = 0; f < frequencies; f++) {
          const Matrix a{tiles.data() + f * by.tilesInBlock * inputs, 1, inputs};
          const float* b = gradients.data() + f * by.tilesInBlock * outputs;
          float* c = sums[part].data() + f * plane;
          multiply({a, b, outputs, panel, count, c, outputs, /*adds=*/true}, inputs,
                   outputs / panel);
        }
      }
    }
  });

  const at::Tensor result = at::empty({outputs, inputs, 3, 3}, x.options());
  at::parallel_for(0, plane, 1024, [&](int64_t begin, int64_t end) {
    for (int64_t pair = begin; pair < end; pair++) {
      float total[frequencies] = {};
      for (const Buffer<float>& part : sums) {
        for (int64_t f = 0; f < frequencies; f++) total[f] += part.data()[f * plane + pair];
      }
      std::array<float, 3> columns[side];
      for (int64_t j = 0; j < side; j++) {
        columns[j] = tapAxis(total[j], total[side + j], total[2 * side + j], total[3 * side + j]);
      }
      float* taps = result.data_ptr<float>() + (pair % outputs * inputs + pair / outputs) * 9;
      for (int64_t row = 0; row < 3; row++) {
        for (const float value :
             tapAxis(columns[0][row], columns[1][row], columns[2][row], columns[3][row])) {
          *taps++ = value;
        }
      }
    }
  });
  return result;
}

class Winograd : public torch::autograd::Function<Winograd> {
 public:
  static at::Tensor forward(torch::autograd::AutogradContext* context, const at::Tensor& input,
                            const at::Tensor& weight, const c10::optional<at::Tensor>& bias) {
    const at::Tensor x = input.contiguous(at::MemoryFormat::ChannelsLast);
    const at::Tensor filters = weight.contiguous();
    const int64_t outputs = weight.size(0);
    const at::Tensor addend = bias ? bias->contiguous() : at::zeros({outputs}, x.options());
    const at::Tensor y = at::empty({x.size(0), outputs, x.size(2), x.size(3)},
                                   x.options().memory_format(at::MemoryFormat::ChannelsLast));
    convolve(x, transformFilters(filters, /*turned=*/false), addend.data_ptr<float>(), y);
    context->save_for_backward({x, filters});
    context->saved_data["bias"] = bias.has_value();
    return y;
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 torch::autograd::variable_list gradients) {
    const torch::autograd::variable_list saved = context->get_saved_variables();
    const at::Tensor& x = saved[0];
    const at::Tensor& weight = saved[1];
    const at::Tensor gradient = gradients[0].contiguous(at::MemoryFormat::ChannelsLast);
    torch::autograd::variable_list results(3);
    if (context->needs_input_grad(0)) {
      results[0] = at::empty_like(x);
      const std::vector<float> none(x.size(1));
      convolve(gradient, transformFilters(weight, /*turned=*/true), none.data(), results[0]);
    }
    if (context->needs_input_grad(1)) results[1] = weightGradient(x, gradient);
    const bool hasBias = context->saved_data["bias"].toBool();
    if (hasBias && context->needs_input_grad(2)) results[2] = gradient.sum({0, 2, 3});
    return results;
  }
};

at::Tensor winograd(const at::Tensor& x, const at::Tensor& weight,
                    const c10::optional<at::Tensor>& bias) {
  TORCH_CHECK(x.dim() == 4 && x.device().is_cpu() && x.scalar_type() == at::kFloat &&
                  x.numel() > 0 && x.size(1) % panel == 0,
              "expected a float32 input [N, C, H, W] on the CPU, C a multiple of ", panel,
              ", received ", x.scalar_type(), " ", x.sizes());
  TORCH_CHECK(weight.dim() == 4 && weight.scalar_type() == at::kFloat &&
                  weight.size(0) % panel == 0 && weight.size(1) == x.size(1) &&
                  weight.size(2) == 3 && weight.size(3) == 3,
              "expected a float32 weight [O, ", x.size(1), ", 3, 3], O a multiple of ", panel,
              ", received ", weight.scalar_type(), " ", weight.sizes());
  TORCH_CHECK(!bias || (bias->scalar_type() == at::kFloat && bias->numel() == weight.size(0)),
              "expected a float32 bias of ", weight.size(0), " elements");
  return Winograd::apply(x, weight, bias);
}

}  // namespace

TORCH_LIBRARY_FRAGMENT(deepobf, library) {
  library.def("winograd(Tensor x, Tensor weight, Tensor? bias) -> Tensor", winograd);
}

}  // namespace deepobf
