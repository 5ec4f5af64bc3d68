// Automatic differentiation: leaves, gradients, and the modes that switch recording off.
#include <ATen/core/grad_mode.h>
#include <c10/core/InferenceMode.h>
#include <torch/csrc/autograd/autograd.h>

#include "tensors.h"

namespace deepobf {
namespace {

/** backward(handle): adds the gradient of this scalar to the `grad` of every leaf below it. */
Napi::Value backward(const Napi::CallbackInfo& info) {
  torch::autograd::backward({tensorOf(info[0])}, {});
  return info.Env().Undefined();
}

/** grad(outputs, inputs, gradOutputs): gradients of the inputs; zeros where nothing depends on one. */
Napi::Value grad(const Napi::CallbackInfo& info) {
  const std::vector<at::Tensor> inputs = tensorsOf(info[1]);
  std::vector<at::Tensor> gradients = torch::autograd::grad(
      tensorsOf(info[0]), inputs, tensorsOf(info[2]), /*retain_graph=*/false,
      /*create_graph=*/false, /*allow_unused=*/true);
  for (size_t i = 0; i < inputs.size(); i++) {
    if (!gradients[i].defined()) gradients[i] = at::zeros_like(inputs[i]);
  }
  return handlesOf(info.Env(), gradients);
}

/** gradientOf(handle): handle of the accumulated gradient, or null. */
Napi::Value gradientOf(const Napi::CallbackInfo& info) {
  const at::Tensor& gradient = tensorOf(info[0]).grad();
  if (!gradient.defined()) return info.Env().Null();
  return Napi::Number::New(info.Env(), tensors().add(gradient));
}

/** clearGradients(handles): forgets the accumulated gradients. */
Napi::Value clearGradients(const Napi::CallbackInfo& info) {
  for (const at::Tensor& tensor : tensorsOf(info[0])) tensor.mutable_grad() = at::Tensor();
  return info.Env().Undefined();
}

Napi::Value setRequiresGrad(const Napi::CallbackInfo& info) {
  tensorOf(info[0]).requires_grad_(info[1].As<Napi::Boolean>());
  return info.Env().Undefined();
}

Napi::Value requiresGrad(const Napi::CallbackInfo& info) {
  return Napi::Boolean::New(info.Env(), tensorOf(info[0]).requires_grad());
}

Napi::Value withoutGrad(const Napi::CallbackInfo& info) {
  const at::NoGradGuard guard;
  return info[0].As<Napi::Function>().Call({});
}

Napi::Value inInferenceMode(const Napi::CallbackInfo& info) {
  const c10::InferenceMode guard;
  return info[0].As<Napi::Function>().Call({});
}

}  // namespace

void defineAutograd(Napi::Object exports) {
  define<backward>(exports, "backward");
  define<grad>(exports, "grad");
  define<gradientOf>(exports, "gradientOf");
  define<clearGradients>(exports, "clearGradients");
  define<setRequiresGrad>(exports, "setRequiresGrad");
  define<requiresGrad>(exports, "requiresGrad");
  define<withoutGrad>(exports, "withoutGrad");
  define<inInferenceMode>(exports, "inInferenceMode");
}

}  // namespace deepobf
