// libtorch's `meta` device, whose tensors have shapes and no values, completed for the tests: there a step is looked
// through as a device that is no processor would run it (test/obfuscate/meta.test.ts). libtorch knows what shapes come
// out of many operators in Python alone; here these run on the processor, on zeros, and their results' values are
// dropped. A tensor of the processor among those of the device is refused, as a GPU would refuse it.
#include <ATen/Functions.h>
#include <ATen/core/dispatch/Dispatcher.h>

#include <set>
#include <string>
#include <vector>

#include "tensors.h"

namespace deepobf {
namespace {

/** Zeros on the processor in the place of a tensor of the device. */
at::Tensor zerosFor(const at::Tensor& tensor) {
  if (!tensor.defined()) return tensor;
  if (!tensor.is_meta()) {
    TORCH_CHECK(tensor.dim() == 0, "expected all tensors on one device, received one of ",
                tensor.sizes(), " on the processor");
    return tensor;
  }
  const auto options = tensor.options().device(at::kCPU);
  return at::empty_strided(tensor.sizes(), tensor.strides(), options).zero_();
}

c10::IValue onProcessor(const c10::IValue& given) {
  if (given.isTensor()) return zerosFor(given.toTensor());
  if (given.isDevice()) return c10::Device(at::kCPU);
  if (!given.isTensorList()) return given;
  c10::List<at::Tensor> list;
  for (const at::Tensor& tensor : given.toTensorVector()) list.push_back(zerosFor(tensor));
  return list;
}

at::Tensor shapeOf(const at::Tensor& result) {
  if (!result.defined()) return result;
  const auto options = result.options().device(at::kMeta);
  return at::empty_strided(result.sizes(), result.strides(), options);
}

c10::IValue withoutValues(const c10::IValue& result) {
  if (result.isTensor()) return shapeOf(result.toTensor());
  if (!result.isTensorList()) return result;
  c10::List<at::Tensor> list;
  for (const at::Tensor& tensor : result.toTensorVector()) list.push_back(shapeOf(tensor));
  return list;
}

/** The argument that a result is, where an operator writes into its arguments; null where it makes a new tensor. */
const c10::IValue* writtenArgument(const c10::Argument& result, const c10::FunctionSchema& schema,
                                   const std::vector<c10::IValue>& given) {
  if (!result.alias_info()) return nullptr;
  for (size_t i = 0; i < given.size(); i++) {
    const c10::AliasInfo* alias = schema.arguments()[i].alias_info();
    if (alias && alias->beforeSets() == result.alias_info()->beforeSets()) return &given[i];
  }
  return nullptr;
}

void run(const c10::OperatorHandle& op, torch::jit::Stack* stack) {
  const c10::FunctionSchema& schema = op.schema();
  const std::vector<c10::IValue> given(stack->end() - schema.arguments().size(), stack->end());
  stack->resize(stack->size() - given.size());
  for (const c10::IValue& argument : given) stack->push_back(onProcessor(argument));
  op.callBoxed(stack);
  const size_t first = stack->size() - schema.returns().size();
  for (size_t i = first; i < stack->size(); i++) {
    c10::IValue& result = (*stack)[i];
    const c10::IValue* written = writtenArgument(schema.returns()[i - first], schema, given);
    result = written ? *written : withoutValues(result);
  }
}

/** Whether the processor computes it and nothing says which shapes come out. */
bool lacksShapes(const c10::OperatorName& name, const c10::OperatorHandle& op) {
  // Made of others on each device, but for the device without values.
  static const std::set<std::string> composite = {"aten::convolution", "aten::convolution_backward"};
  if (composite.count(name.name)) return name.overload_name.empty();
  // A value, which there is none of: to ask for it is a fault of the step.
  if (name.name == "aten::_local_scalar_dense") return false;
  return name.name.rfind("aten::", 0) == 0 && op.hasKernelForDispatchKey(c10::DispatchKey::CPU) &&
         !op.hasKernelForDispatchKey(c10::DispatchKey::Meta);
}

/** completeMeta(): gives the `meta` device every operator of the processor. */
Napi::Value completeMeta(const Napi::CallbackInfo& info) {
  static std::vector<c10::RegistrationHandleRAII> registered;
  c10::Dispatcher& dispatcher = c10::Dispatcher::singleton();
  for (const c10::OperatorName& name : dispatcher.getAllOpNames()) {
    const auto op = dispatcher.findSchema(name);
    if (!op || !lacksShapes(name, *op)) continue;
    registered.push_back(dispatcher.registerImpl(
        name, c10::DispatchKey::Meta, c10::KernelFunction::makeFromBoxedFunction<&run>(), {},
        nullptr, "deepobf: shapes by zeros"));
  }
  return info.Env().Undefined();
}

}  // namespace

void defineMeta(Napi::Object exports) { define<completeMeta>(exports, "completeMeta"); }

}  // namespace deepobf
