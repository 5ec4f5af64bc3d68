// Entry point of the addon: the flat list of what it exports stands in the files named here.
#include "tensors.h"

namespace {

Napi::Object initialize(Napi::Env, Napi::Object exports) {
  deepobf::defineOperators(exports);
  deepobf::defineAutograd(exports);
  deepobf::defineMemory(exports);
  deepobf::defineRuntime(exports);
  deepobf::defineMeta(exports);
  deepobf::defineLock(exports);
  deepobf::defineWorkers(exports);
  deepobf::defineGradients(exports);
  deepobf::defineMatrixUnits(exports);
  return exports;
}

}  // namespace

NODE_API_MODULE(deepobf, initialize)
