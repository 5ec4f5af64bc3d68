// Settings of libtorch itself: version, threads, random numbers, CUDA.
#include <ATen/CPUGeneratorImpl.h>
#include <ATen/Parallel.h>
#include <dlfcn.h>
#include <torch/version.h>

#include <atomic>

#include "tensors.h"

namespace deepobf {
namespace {

/** The JavaScript thread that has the addon: the tables behind its handles have no locks. */
std::atomic<napi_env> owner{nullptr};

/** claimAddon(): whether this thread has the addon for itself; it is free again when that thread ends. */
Napi::Value claimAddon(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  const napi_env own = env;
  napi_env current = nullptr;
  const bool isNew = owner.compare_exchange_strong(current, own);
  if (isNew) env.AddCleanupHook([] { owner = nullptr; });
  return Napi::Boolean::New(env, isNew || current == own);
}

Napi::Value version(const Napi::CallbackInfo& info) {
  return Napi::String::New(info.Env(), TORCH_VERSION);
}

Napi::Value setThreads(const Napi::CallbackInfo& info) {
  at::set_num_threads(info[0].As<Napi::Number>().Int32Value());
  return info.Env().Undefined();
}

Napi::Value threads(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), at::get_num_threads());
}

Napi::Value manualSeed(const Napi::CallbackInfo& info) {
  at::manual_seed(static_cast<uint64_t>(info[0].As<Napi::Number>().Int64Value()));
  return info.Env().Undefined();
}

/** The OpenBLAS that libtorch brought into this process, if it brought one. */
class OpenBlas {
 public:
  OpenBlas() : library_(dlopen("libopenblas.so.0", RTLD_LAZY | RTLD_NOLOAD)) {}
  OpenBlas(const OpenBlas&) = delete;
  OpenBlas& operator=(const OpenBlas&) = delete;
  ~OpenBlas() {
    if (library_) dlclose(library_);
  }

  /** Null where there is none. */
  template <typename Function>
  Function* find(const char* name) const {
    return library_ ? reinterpret_cast<Function*>(dlsym(library_, name)) : nullptr;
  }

 private:
  void* const library_;
};

/**
 * Has an OpenBLAS that was built with threads of its own use one: they spin while they wait, as
 * libtorch's do, and the two pools take the processors from each other. One built with OpenMP uses
 * libtorch's pool.
 */
void keepToOnePool() {
  const OpenBlas openblas;
  constexpr int ownThreads = 1;
  const auto kind = openblas.find<int()>("openblas_get_parallel");
  const auto use = openblas.find<void(int)>("openblas_set_num_threads");
  if (kind && use && kind() == ownThreads) use(1);
}

/** blasKernels(): whose processor's kernels OpenBLAS takes; empty where another library multiplies. */
Napi::Value blasKernels(const Napi::CallbackInfo& info) {
  const OpenBlas openblas;
  const auto name = openblas.find<const char*()>("openblas_get_corename");
  return Napi::String::New(info.Env(), name ? name() : "");
}

/** loadCuda(path): loads libtorch_cuda.so, which registers itself; empty string or the reason. */
Napi::Value loadCuda(const Napi::CallbackInfo& info) {
  const std::string path = info[0].As<Napi::String>();
  const bool loaded = dlopen(path.c_str(), RTLD_NOW | RTLD_GLOBAL) != nullptr;
  return Napi::String::New(info.Env(), loaded ? "" : dlerror());
}

Napi::Value cudaDevices(const Napi::CallbackInfo& info) {
  if (!at::hasCUDA()) return Napi::Number::New(info.Env(), 0);
  return Napi::Number::New(info.Env(), at::detail::getCUDAHooks().getNumGPUs());
}

}  // namespace

void defineRuntime(Napi::Object exports) {
  keepToOnePool();
  define<claimAddon>(exports, "claimAddon");
  define<version>(exports, "version");
  define<setThreads>(exports, "setThreads");
  define<threads>(exports, "threads");
  define<manualSeed>(exports, "manualSeed");
  define<blasKernels>(exports, "blasKernels");
  define<loadCuda>(exports, "loadCuda");
  define<cudaDevices>(exports, "cudaDevices");
}

}  // namespace deepobf
