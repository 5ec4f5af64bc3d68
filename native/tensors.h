// Tensors cross to JavaScript as integer handles: indices into one table of this process.
// JavaScript owns each handle and releases it exactly once (src/torch/tensor.ts).
#pragma once

#include <ATen/ATen.h>
#include <napi.h>

#include <cstdint>
#include <vector>

namespace deepobf {

class TensorTable {
 public:
  uint32_t add(at::Tensor tensor) {
    if (free_.empty()) {
      slots_.push_back(std::move(tensor));
      return static_cast<uint32_t>(slots_.size() - 1);
    }
    const uint32_t handle = free_.back();
    free_.pop_back();
    slots_[handle] = std::move(tensor);
    return handle;
  }

  const at::Tensor& get(uint32_t handle) const {
    TORCH_CHECK(handle < slots_.size() && slots_[handle].defined(), "tensor handle ", handle,
                " is not live");
    return slots_[handle];
  }

  void release(uint32_t handle) {
    get(handle);
    slots_[handle] = at::Tensor();
    free_.push_back(handle);
  }

  size_t live() const { return slots_.size() - free_.size(); }

 private:
  std::vector<at::Tensor> slots_;
  std::vector<uint32_t> free_;
};

/** The table of this process; used from the JavaScript thread alone. */
TensorTable& tensors();

inline const at::Tensor& tensorOf(const Napi::Value& handle) {
  return tensors().get(handle.As<Napi::Number>().Uint32Value());
}

std::vector<at::Tensor> tensorsOf(const Napi::Value& handles);
Napi::Array handlesOf(Napi::Env env, const std::vector<at::Tensor>& list);

/** Runs `body` and turns every C++ exception into a JavaScript one with libtorch's own message. */
template <typename Body>
auto guarded(Napi::Env env, Body body) -> decltype(body()) {
  try {
    return body();
  } catch (const Napi::Error&) {
    throw;
  } catch (const c10::Error& error) {
    throw Napi::Error::New(env, error.what_without_backtrace());
  } catch (const std::exception& error) {
    throw Napi::Error::New(env, error.what());
  } catch (...) {
    throw Napi::Error::New(env, "unknown C++ exception");
  }
}

/** Defines `name` on `exports` as a guarded function. */
template <Napi::Value (*Function)(const Napi::CallbackInfo&)>
void define(Napi::Object exports, const char* name) {
  exports.Set(name, Napi::Function::New(
                        exports.Env(),
                        [](const Napi::CallbackInfo& info) {
                          return guarded(info.Env(), [&] { return Function(info); });
                        },
                        name));
}

/** Sets up how the CPU's tensors get their memory; before the first of them. */
void tuneMemory();

/** Keeps up to so many bytes of what large tensors leave, for the next ones; none before this is called. */
void keepFreeBlocks(size_t bytes);

void defineOperators(Napi::Object exports);
void defineAutograd(Napi::Object exports);
void defineMemory(Napi::Object exports);
void defineRuntime(Napi::Object exports);
void defineMeta(Napi::Object exports);
void defineLock(Napi::Object exports);
void defineWorkers(Napi::Object exports);
void defineGradients(Napi::Object exports);
void defineMatrixUnits(Napi::Object exports);

}  // namespace deepobf
