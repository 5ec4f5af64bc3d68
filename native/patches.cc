// Convolutions whose weight gradient is one matrix product over patches (im2col: Chellapilla, Puri, Simard, "High
// performance convolutional neural networks for document processing", 2006). For small maps oneDNN's own weight
// gradient in bfloat16 fills the matrix units of AMX badly (docs/performance.md, "Small maps"); all else is libtorch's.
#include <torch/library.h>
#include <torch/torch.h>

#include <tuple>

namespace deepobf {
namespace {

/** The windows that a kernel sees of x [N, C, H, W]: a row [kernel height, kernel width, C] for every output. */
at::Tensor patchesOf(const at::Tensor& x, at::IntArrayRef kernel, at::IntArrayRef output,
                     at::IntArrayRef stride, at::IntArrayRef padding) {
  const at::Tensor padded =
      at::constant_pad_nd(x, {padding[1], padding[1], padding[0], padding[0]})
          .permute({0, 2, 3, 1})
          .contiguous();
  const int64_t channels = padded.size(3), row = padded.stride(1), image = padded.stride(0);
  return padded
      .as_strided({x.size(0), output[0], output[1], kernel[0], kernel[1], channels},
                  {image, row * stride[0], channels * stride[1], row, channels, 1})
      .reshape({-1, kernel[0] * kernel[1] * channels});
}

class PatchConvolution : public torch::autograd::Function<PatchConvolution> {
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
    const at::Tensor &x = saved[0], &weight = saved[1];
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
      const auto kernel = weight.sizes().slice(2);
      const at::Tensor patches =
          patchesOf(x, kernel, gradient.sizes().slice(2), stride, padding);
      const at::Tensor ofOutputs =
          gradient.permute({0, 2, 3, 1}).reshape({-1, weight.size(0)});
      results[1] = at::mm(ofOutputs.t(), patches)
                       .view({weight.size(0), kernel[0], kernel[1], weight.size(1)})
                       .permute({0, 3, 1, 2});
    }
    const bool hasBias = context->saved_data["bias"].toBool();
    if (hasBias && context->needs_input_grad(2)) results[2] = gradient.sum({0, 2, 3});
    return results;
  }
};

at::Tensor patchConvolution(const at::Tensor& x, const at::Tensor& weight,
                            const c10::optional<at::Tensor>& bias, at::IntArrayRef stride,
                            at::IntArrayRef padding) {
  TORCH_CHECK(x.dim() == 4 && weight.dim() == 4 && weight.size(1) == x.size(1),
              "expected an input [N, C, H, W] and a weight [O, C, height, width], received ",
              x.sizes(), " and ", weight.sizes());
  return PatchConvolution::apply(x, weight, bias, stride, padding);
}

}  // namespace

TORCH_LIBRARY_FRAGMENT(deepobf, library) {
  library.def(
      "patch_convolution(Tensor x, Tensor weight, Tensor? bias, int[2] stride, int[2] padding)"
      " -> Tensor",
      patchConvolution);
}

}  // namespace deepobf
