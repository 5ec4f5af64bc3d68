// Batch normalization by the batch's own statistics, with an optional ReLU after it, forward and
// backward in two passes over memory each (Ioffe and Szegedy 2015, arXiv 1502.03167, algorithm 1).
// libtorch takes more passes. float32 and bfloat16, CPU, channels last; statistics in float32.
// Sums are formed by blocks of rows, so the result does not depend on the number of threads.
#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/library.h>

#include <cmath>
#include <limits>
#include <vector>

#include "elements.h"
#include "workers.h"

namespace deepobf {
namespace {

// Rows are pixels, columns channels. A block stays in the second-level cache.
constexpr int64_t blockRows = 256;

/** What a pass needs to know of each channel. `floor` is 0 with ReLU, else minus infinity. */
struct Channels {
  int64_t count;
  float floor;
  const float* scale;
  const float* offset;
  const float* mean;
};

// Sums of x - shift and of its square, by channel.
template <typename T>
FOR_EACH_PROCESSOR void sumBlock(const T* __restrict x, const float* __restrict shift, int64_t rows,
                                 int64_t channels, float* __restrict sum,
                                 float* __restrict squares) {
  for (int64_t row = 0; row < rows; row++, x += channels) {
    for (int64_t c = 0; c < channels; c++) {
      const float value = widen(x[c]) - shift[c];
      sum[c] += value;
      squares[c] += value * value;
    }
  }
}

template <typename T>
FOR_EACH_PROCESSOR void normalizeBlock(const T* __restrict x, Channels by, int64_t rows,
                                       T* __restrict y) {
  const float* __restrict scale = by.scale;
  const float* __restrict offset = by.offset;
  for (int64_t row = 0; row < rows; row++, x += by.count, y += by.count) {
    for (int64_t c = 0; c < by.count; c++) {
      const float value = widen(x[c]) * scale[c] + offset[c];
      store(value < by.floor ? by.floor : value, y + c);  // so that no NaN is lost
    }
  }
}

// Sums, by channel, of the gradient that passes the ReLU, and of it times x - mean.
template <typename T>
FOR_EACH_PROCESSOR void sumGradientBlock(const T* __restrict x, const T* __restrict gradient,
                                         Channels by, int64_t rows, float* __restrict sum,
                                         float* __restrict products) {
  const float* __restrict scale = by.scale;
  const float* __restrict offset = by.offset;
  const float* __restrict mean = by.mean;
  for (int64_t row = 0; row < rows; row++, x += by.count, gradient += by.count) {
    for (int64_t c = 0; c < by.count; c++) {
      const float value = widen(x[c]);
      const float arrived = widen(gradient[c]);  // apart from the choice, or the compiler masks the load
      const float passed = value * scale[c] + offset[c] > by.floor ? arrived : 0.0f;
      sum[c] += passed;
      products[c] += passed * (value - mean[c]);
    }
  }
}

// The gradient of x: scale * passed + slope * x + constant.
template <typename T>
FOR_EACH_PROCESSOR void gradientBlock(const T* __restrict x, const T* __restrict gradient,
                                      Channels by, const float* __restrict slope,
                                      const float* __restrict constant, int64_t rows,
                                      T* __restrict result) {
  const float* __restrict scale = by.scale;
  const float* __restrict offset = by.offset;
  for (int64_t row = 0; row < rows;
       row++, x += by.count, gradient += by.count, result += by.count) {
    for (int64_t c = 0; c < by.count; c++) {
      const float value = widen(x[c]);
      const float arrived = widen(gradient[c]);
      const float passed = value * scale[c] + offset[c] > by.floor ? arrived : 0.0f;
      store(passed * scale[c] + value * slope[c] + constant[c], result + c);
    }
  }
}

/** Runs body(first row, number of rows, block) for every block of rows, on all threads. */
template <typename Body>
void forEachBlock(int64_t rows, Body body) {
  const int64_t blocks = (rows + blockRows - 1) / blockRows;
  at::parallel_for(0, blocks, 1, [&](int64_t begin, int64_t end) {
    for (int64_t block = begin; block < end; block++) {
      const int64_t first = block * blockRows;
      body(first, std::min(blockRows, rows - first), block);
    }
  });
}

/** Two sums a channel, from one pair of rows of partial sums a block. */
class BlockSums {
 public:
  BlockSums(int64_t rows, int64_t channels)
      : channels_(channels), partial_((rows + blockRows - 1) / blockRows * 2 * channels, 0.0f) {}

  float* first(int64_t block) { return partial_.data() + block * 2 * channels_; }
  float* second(int64_t block) { return first(block) + channels_; }
  std::vector<double> totals() const {
    std::vector<double> totals(2 * channels_, 0.0);
    for (auto sums = partial_.begin(); sums != partial_.end(); sums += totals.size()) {
      for (size_t i = 0; i < totals.size(); i++) totals[i] += sums[i];
    }
    return totals;
  }

 private:
  int64_t channels_;
  std::vector<float> partial_;
};

float floorOf(bool relu) { return relu ? 0.0f : -std::numeric_limits<float>::infinity(); }

template <typename T>
BlockSums sumInput(const at::Tensor& x, int64_t rows, const std::vector<float>& shift) {
  const auto channels = static_cast<int64_t>(shift.size());
  BlockSums sums(rows, channels);
  forEachBlock(rows, [&](int64_t first, int64_t count, int64_t block) {
    sumBlock(elements<T>(x) + first * channels, shift.data(), count, channels, sums.first(block),
             sums.second(block));
  });
  return sums;
}

/** Makes sums over rows those over the rows of all workers; gives the number of these. */
double poolRows(std::vector<double>& totals, int64_t rows) {
  totals.push_back(static_cast<double>(rows));
  sumOverWorkers(totals.data(), static_cast<int64_t>(totals.size()));
  return totals.back();
}

/**
 * Makes sums of x - shift and its square, by channel, those over the images of all workers; gives the number of rows
 * that they cover. Shifts differ among workers: the sums are pooled without them, and all then have the same.
 */
double poolTotals(std::vector<double>& totals, std::vector<float>& shift, int64_t rows) {
  const auto n = static_cast<double>(rows);
  if (workerCount() == 1) return n;
  const size_t channels = shift.size();
  for (size_t c = 0; c < channels; c++) {
    const double s = shift[c];
    totals[channels + c] += s * (2 * totals[c] + n * s);
    totals[c] += n * s;
    shift[c] = 0;
  }
  return poolRows(totals, rows);
}

template <typename T>
at::Tensor forward(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias,
                   const at::Tensor& runningMean, const at::Tensor& runningVariance,
                   double momentum, double epsilon, bool relu, const at::Tensor& statistics) {
  const int64_t channels = x.size(1);
  const int64_t rows = x.numel() / channels;
  // The first pixel stands near the mean, which keeps the squares free of cancellation.
  std::vector<float> shift(channels);
  for (int64_t c = 0; c < channels; c++) shift[c] = widen(elements<T>(x)[c]);
  std::vector<double> totals = sumInput<T>(x, rows, shift).totals();
  const double n = poolTotals(totals, shift, rows);

  float* scale = statistics.data_ptr<float>();
  float* offset = scale + channels;
  float* mean = offset + channels;
  float* inverseDeviation = mean + channels;
  float* meanBefore = runningMean.data_ptr<float>();
  float* varianceBefore = runningVariance.data_ptr<float>();
  for (int64_t c = 0; c < channels; c++) {
    const double shifted = totals[c] / n;
    const double variance = std::max(totals[channels + c] / n - shifted * shifted, 0.0);
    const double average = shift[c] + shifted;
    const double inverse = 1.0 / std::sqrt(variance + epsilon);
    mean[c] = static_cast<float>(average);
    inverseDeviation[c] = static_cast<float>(inverse);
    scale[c] = static_cast<float>(elements<float>(weight)[c] * inverse);
    offset[c] = static_cast<float>(elements<float>(bias)[c] - average * scale[c]);
    const double unbiased = n > 1 ? variance * n / (n - 1) : variance;
    meanBefore[c] = static_cast<float>((1 - momentum) * meanBefore[c] + momentum * average);
    varianceBefore[c] =
        static_cast<float>((1 - momentum) * varianceBefore[c] + momentum * unbiased);
  }

  const at::Tensor y = at::empty_like(x);
  const Channels by{channels, floorOf(relu), scale, offset, mean};
  forEachBlock(rows, [&](int64_t first, int64_t count, int64_t) {
    normalizeBlock(elements<T>(x) + first * channels, by, count,
                   static_cast<T*>(y.data_ptr()) + first * channels);
  });
  return y;
}

template <typename T>
at::Tensor backward(const at::Tensor& x, const at::Tensor& gradient, const at::Tensor& statistics,
                    bool relu, const at::Tensor& weightGradient, const at::Tensor& biasGradient) {
  const int64_t channels = x.size(1);
  const int64_t rows = x.numel() / channels;
  const float* scale = statistics.data_ptr<float>();
  const float* inverseDeviation = scale + 3 * channels;
  const Channels by{channels, floorOf(relu), scale, scale + channels, scale + 2 * channels};
  BlockSums sums(rows, channels);
  forEachBlock(rows, [&](int64_t first, int64_t count, int64_t block) {
    sumGradientBlock(elements<T>(x) + first * channels, elements<T>(gradient) + first * channels,
                     by, count, sums.first(block), sums.second(block));
  });
  std::vector<double> totals = sums.totals();
  for (int64_t c = 0; c < channels; c++) {
    biasGradient.data_ptr<float>()[c] = static_cast<float>(totals[c]);
    weightGradient.data_ptr<float>()[c] = static_cast<float>(totals[channels + c] * inverseDeviation[c]);
  }
  // What reaches x came through the statistics of all workers; the gradients of the parameters are pooled later.
  const double n = poolRows(totals, rows);

  std::vector<float> slope(channels);
  std::vector<float> constant(channels);
  for (int64_t c = 0; c < channels; c++) {
    const double inverse = inverseDeviation[c];
    const double sum = totals[c];
    const double products = totals[channels + c];
    const double perUnit = -scale[c] * inverse * inverse * products / n;
    slope[c] = static_cast<float>(perUnit);
    constant[c] = static_cast<float>(-scale[c] * sum / n - perUnit * by.mean[c]);
  }

  const at::Tensor result = at::empty_like(x);
  forEachBlock(rows, [&](int64_t first, int64_t count, int64_t) {
    gradientBlock(elements<T>(x) + first * channels, elements<T>(gradient) + first * channels, by,
                  slope.data(), constant.data(), count,
                  static_cast<T*>(result.data_ptr()) + first * channels);
  });
  return result;
}

class BatchNormRelu : public torch::autograd::Function<BatchNormRelu> {
 public:
  static at::Tensor forward(torch::autograd::AutogradContext* context, const at::Tensor& input,
                            const at::Tensor& weight, const at::Tensor& bias,
                            const at::Tensor& runningMean, const at::Tensor& runningVariance,
                            double momentum, double epsilon, bool relu) {
    const at::Tensor x = input.contiguous(at::MemoryFormat::ChannelsLast);
    const at::Tensor statistics = at::empty({4, x.size(1)}, weight.options());
    context->saved_data["relu"] = relu;
    context->save_for_backward({x, statistics});
    const auto run = x.scalar_type() == at::kFloat ? deepobf::forward<float> : deepobf::forward<uint16_t>;
    return run(x, weight.contiguous(), bias.contiguous(), runningMean, runningVariance, momentum,
               epsilon, relu, statistics);
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 torch::autograd::variable_list gradients) {
    const torch::autograd::variable_list saved = context->get_saved_variables();
    const at::Tensor& x = saved[0];
    const at::Tensor& statistics = saved[1];
    const at::Tensor gradient =
        gradients[0].to(x.scalar_type()).contiguous(at::MemoryFormat::ChannelsLast);
    const at::Tensor weightGradient = at::empty({x.size(1)}, statistics.options());
    const at::Tensor biasGradient = at::empty({x.size(1)}, statistics.options());
    const auto run = x.scalar_type() == at::kFloat ? deepobf::backward<float> : deepobf::backward<uint16_t>;
    const at::Tensor result = run(x, gradient, statistics, context->saved_data["relu"].toBool(),
                                  weightGradient, biasGradient);
    return {result, weightGradient, biasGradient, {}, {}, {}, {}, {}};
  }
};

at::Tensor batchNormRelu(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias,
                         const at::Tensor& runningMean, const at::Tensor& runningVariance,
                         double momentum, double epsilon, bool relu) {
  TORCH_CHECK(x.dim() == 4 && x.device().is_cpu() && x.numel() > 0 &&
                  (x.scalar_type() == at::kFloat || x.scalar_type() == at::kBFloat16),
              "expected a float32 or bfloat16 input [N, C, H, W] on the CPU, received ",
              x.scalar_type(), " ", x.sizes());
  for (const at::Tensor& vector : {weight, bias, runningMean, runningVariance}) {
    TORCH_CHECK(vector.scalar_type() == at::kFloat && vector.is_contiguous() &&
                    vector.numel() == x.size(1),
                "expected contiguous float32 vectors of ", x.size(1), " channels, received ",
                vector.scalar_type(), " ", vector.sizes());
  }
  return BatchNormRelu::apply(x, weight, bias, runningMean, runningVariance, momentum, epsilon,
                              relu);
}

}  // namespace

TORCH_LIBRARY_FRAGMENT(deepobf, library) {
  library.def(
      "batch_norm_relu(Tensor x, Tensor weight, Tensor bias, Tensor(a!) running_mean, "
      "Tensor(b!) running_variance, float momentum, float epsilon, bool relu) -> Tensor",
      batchNormRelu);
}

}  // namespace deepobf
