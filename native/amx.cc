// Convolutions in bfloat16 on the matrix units of AMX. oneDNN's own take two to ten times as long where maps are small
// or strided (docs/performance.md, "Convolutions on AMX").
#include "amx.h"

#include <torch/csrc/autograd/custom_function.h>
#include <torch/library.h>

#include "tensors.h"

#ifdef HAS_AMX
#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

namespace deepobf {
namespace {

#ifdef HAS_AMX

/** Whether the processor has the units and the kernel lets this process use them, which it has to be asked for. */
bool canUseAmx() {
  constexpr uint32_t bf16 = 1u << 22, tiles = 1u << 24;
  constexpr int64_t requestPermission = 0x1023, tileData = 18;
  uint32_t a, b, c, d;
  if (!__get_cpuid_count(7, 0, &a, &b, &c, &d) || !(d & bf16) || !(d & tiles)) return false;
  return syscall(SYS_arch_prctl, requestPermission, tileData) == 0;
}

Layout layoutOf(const at::Tensor& x, const at::Tensor& weight, at::IntArrayRef stride,
                at::IntArrayRef padding) {
  const auto axis = [&](int64_t i) -> Axis {
    const int64_t input = x.size(i + 2), kernel = weight.size(i + 2);
    TORCH_CHECK(kernel <= input + 2 * padding[i], "expected of a kernel of ", kernel,
                " pixels at most ", input + 2 * padding[i]);
    const int64_t output = (input + 2 * padding[i] - kernel) / stride[i] + 1;
    return {input, output, kernel, stride[i], padding[i]};
  };
  return {x.size(0), x.size(1), weight.size(0), axis(0), axis(1)};
}

class AmxConvolution : public torch::autograd::Function<AmxConvolution> {
 public:
  static at::Tensor forward(torch::autograd::AutogradContext* context, const at::Tensor& x,
                            const at::Tensor& weight, const c10::optional<at::Tensor>& bias,
                            at::IntArrayRef stride, at::IntArrayRef padding, bool ownForward,
                            bool ownInputGradient) {
    const at::Tensor images = x.contiguous(at::MemoryFormat::ChannelsLast);
    context->save_for_backward({images, weight});
    context->saved_data["bias"] = bias.has_value();
    context->saved_data["stride"] = stride;
    context->saved_data["padding"] = padding;
    context->saved_data["ownInputGradient"] = ownInputGradient;
    if (ownForward) {
      return convolveMaps(images, weight, bias, layoutOf(x, weight, stride, padding),
                          c10::nullopt, false);
    }
    return at::convolution(images, weight, bias, stride, padding, {1, 1}, false, {0, 0}, 1);
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 torch::autograd::variable_list gradients) {
    const torch::autograd::variable_list saved = context->get_saved_variables();
    const at::Tensor &x = saved[0], &weight = saved[1];
    const auto stride = context->saved_data["stride"].toIntVector();
    const auto padding = context->saved_data["padding"].toIntVector();
    const Layout layout = layoutOf(x, weight, stride, padding);
    const at::Tensor gradient = gradients[0].contiguous(at::MemoryFormat::ChannelsLast);
    torch::autograd::variable_list results(7);
    if (context->needs_input_grad(0)) {
      results[0] = context->saved_data["ownInputGradient"].toBool()
                       ? inputGradient(gradient, weight, layout)
                       : std::get<0>(at::convolution_backward(
                             gradient, x, weight, c10::nullopt, stride, padding, {1, 1}, false,
                             {0, 0}, 1, {true, false, false}));
    }
    if (context->needs_input_grad(1)) results[1] = weightGradient(x, gradient, layout);
    const bool hasBias = context->saved_data["bias"].toBool();
    if (hasBias && context->needs_input_grad(2)) results[2] = gradient.sum({0, 2, 3});
    return results;
  }
};

void check(const at::Tensor& x, const at::Tensor& weight, const c10::optional<at::Tensor>& bias) {
  static const bool canUse = canUseAmx();
  TORCH_CHECK(canUse, "this processor has no AMX");
  TORCH_CHECK(x.dim() == 4 && x.device().is_cpu() && x.scalar_type() == at::kBFloat16 &&
                  x.numel() > 0,
              "expected a bfloat16 input [N, C, H, W] on the CPU, received ", x.scalar_type(), " ",
              x.sizes());
  TORCH_CHECK(weight.dim() == 4 && weight.scalar_type() == at::kBFloat16 &&
                  weight.numel() > 0 && weight.size(1) == x.size(1),
              "expected a bfloat16 weight [O, ", x.size(1), ", height, width], received ",
              weight.scalar_type(), " ", weight.sizes());
  TORCH_CHECK(!bias || (bias->device().is_cpu() && bias->numel() == weight.size(0)),
              "expected a bias of ", weight.size(0), " elements on the CPU");
}

at::Tensor amxConvolution(const at::Tensor& x, const at::Tensor& weight,
                          const c10::optional<at::Tensor>& bias, at::IntArrayRef stride,
                          at::IntArrayRef padding, bool ownForward, bool ownInputGradient) {
  check(x, weight, bias);
  return AmxConvolution::apply(x, weight, bias, stride, padding, ownForward, ownInputGradient);
}

/** ReLU of the convolution, and of an addend where there is one. Has no gradient. */
at::Tensor amxConvolutionRelu(const at::Tensor& x, const at::Tensor& weight,
                              const c10::optional<at::Tensor>& bias, at::IntArrayRef stride,
                              at::IntArrayRef padding, const c10::optional<at::Tensor>& addend) {
  check(x, weight, bias);
  const Layout layout = layoutOf(x, weight, stride, padding);
  const std::array<int64_t, 4> shape = {layout.images, layout.outputs, layout.rows.output,
                                        layout.columns.output};
  TORCH_CHECK(!addend || (addend->scalar_type() == at::kBFloat16 && addend->device().is_cpu() &&
                          addend->sizes() == at::IntArrayRef(shape)),
              "expected a bfloat16 addend ", at::IntArrayRef(shape), ", received ",
              addend ? addend->scalar_type() : at::kFloat, " ",
              addend ? addend->sizes() : at::IntArrayRef());
  const auto channelsLast = [](const at::Tensor& images) {
    return images.contiguous(at::MemoryFormat::ChannelsLast);
  };
  const auto added = addend ? c10::make_optional(channelsLast(*addend)) : c10::nullopt;
  return convolveMaps(channelsLast(x), weight, bias, layout, added, true);
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
      "amx_convolution(Tensor x, Tensor weight, Tensor? bias, int[2] stride, int[2] padding,"
      " bool own_forward, bool own_input_gradient) -> Tensor",
      amxConvolution);
  library.def(
      "amx_convolution_relu(Tensor x, Tensor weight, Tensor? bias, int[2] stride, int[2] padding,"
      " Tensor? addend) -> Tensor",
      amxConvolutionRelu);
}
#endif

}  // namespace deepobf
