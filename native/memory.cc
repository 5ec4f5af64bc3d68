// Tensors in memory: the handle table, and copies between typed arrays and tensors.
#include "tensors.h"

namespace deepobf {

TensorTable& tensors() {
  static TensorTable table;
  return table;
}

std::vector<at::Tensor> tensorsOf(const Napi::Value& handles) {
  const Napi::Array array = handles.As<Napi::Array>();
  std::vector<at::Tensor> list;
  list.reserve(array.Length());
  for (uint32_t i = 0; i < array.Length(); i++) list.push_back(tensorOf(array.Get(i)));
  return list;
}

Napi::Array handlesOf(Napi::Env env, const std::vector<at::Tensor>& list) {
  Napi::Array handles = Napi::Array::New(env, list.size());
  for (size_t i = 0; i < list.size(); i++) handles.Set(i, tensors().add(list[i]));
  return handles;
}

namespace {

std::vector<int64_t> shapeOf(const Napi::Value& value) {
  const Napi::Array array = value.As<Napi::Array>();
  std::vector<int64_t> shape;
  for (uint32_t i = 0; i < array.Length(); i++) {
    shape.push_back(array.Get(i).As<Napi::Number>().Int64Value());
  }
  return shape;
}

/** fromBytes(bytes, shape, dtype): a CPU tensor with a copy of the bytes. */
Napi::Value fromBytes(const Napi::CallbackInfo& info) {
  const Napi::Uint8Array bytes = info[0].As<Napi::Uint8Array>();
  const auto dtype = static_cast<at::ScalarType>(info[2].As<Napi::Number>().Int32Value());
  at::Tensor tensor = at::empty(shapeOf(info[1]), at::TensorOptions().dtype(dtype));
  TORCH_CHECK(tensor.nbytes() == bytes.ByteLength(), "expected ", tensor.nbytes(),
              " bytes for a tensor of shape ", tensor.sizes(), ", received ", bytes.ByteLength());
  if (bytes.ByteLength() > 0) std::memcpy(tensor.data_ptr(), bytes.Data(), bytes.ByteLength());
  return Napi::Number::New(info.Env(), tensors().add(std::move(tensor)));
}

/** toBytes(handle): the elements in row-major order, as a new array. */
Napi::Value toBytes(const Napi::CallbackInfo& info) {
  const at::Tensor tensor = tensorOf(info[0]).detach().to(at::kCPU).contiguous();
  Napi::Uint8Array bytes = Napi::Uint8Array::New(info.Env(), tensor.nbytes());
  if (tensor.nbytes() > 0) std::memcpy(bytes.Data(), tensor.data_ptr(), tensor.nbytes());
  return bytes;
}

/** item(handle): the one element, as a number. */
Napi::Value item(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), tensorOf(info[0]).item().toDouble());
}

Napi::Value shape(const Napi::CallbackInfo& info) {
  const at::IntArrayRef sizes = tensorOf(info[0]).sizes();
  Napi::Array array = Napi::Array::New(info.Env(), sizes.size());
  for (size_t i = 0; i < sizes.size(); i++) array.Set(i, static_cast<double>(sizes[i]));
  return array;
}

Napi::Value dtype(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), static_cast<int>(tensorOf(info[0]).scalar_type()));
}

Napi::Value device(const Napi::CallbackInfo& info) {
  return Napi::String::New(info.Env(), tensorOf(info[0]).device().str());
}

Napi::Value release(const Napi::CallbackInfo& info) {
  tensors().release(info[0].As<Napi::Number>().Uint32Value());
  return info.Env().Undefined();
}

/** report(handle, sign): adds (1) or takes back (-1) the tensor's bytes in V8's account of memory. */
Napi::Value report(const Napi::CallbackInfo& info) {
  const auto bytes = static_cast<int64_t>(tensorOf(info[0]).nbytes());
  Napi::MemoryManagement::AdjustExternalMemory(
      info.Env(), bytes * info[1].As<Napi::Number>().Int64Value());
  return info.Env().Undefined();
}

Napi::Value liveTensors(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), static_cast<double>(tensors().live()));
}

/** keepMemory(bytes): the most that is kept of what large tensors leave. */
Napi::Value keepMemory(const Napi::CallbackInfo& info) {
  keepFreeBlocks(static_cast<size_t>(info[0].As<Napi::Number>().Int64Value()));
  return info.Env().Undefined();
}

}  // namespace

void defineMemory(Napi::Object exports) {
  tuneMemory();
  define<fromBytes>(exports, "fromBytes");
  define<toBytes>(exports, "toBytes");
  define<item>(exports, "item");
  define<shape>(exports, "shape");
  define<dtype>(exports, "dtype");
  define<device>(exports, "device");
  define<release>(exports, "release");
  define<report>(exports, "report");
  define<liveTensors>(exports, "liveTensors");
  define<keepMemory>(exports, "keepMemory");
}

}  // namespace deepobf
