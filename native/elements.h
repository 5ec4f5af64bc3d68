// Elements of the kernels' tensors: float32, and bfloat16 as the upper half of one.
#pragma once
#include <ATen/ATen.h>

#include <cstdint>
#include <cstring>

// A function in several versions, of which the loader takes the best that the processor can run.
#if defined(__x86_64__)
#define FOR_EACH_PROCESSOR \
  __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define FOR_EACH_PROCESSOR
#endif

namespace deepobf {

inline float widen(float value) { return value; }

inline float widen(uint16_t bfloat16) {
  const uint32_t bits = static_cast<uint32_t>(bfloat16) << 16;
  float value;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

inline void store(float value, float* target) { *target = value; }

inline void store(float value, uint16_t* bfloat16) {
  uint32_t bits;
  std::memcpy(&bits, &value, sizeof bits);
  *bfloat16 = static_cast<uint16_t>((bits + 0x7fff + ((bits >> 16) & 1)) >> 16);
}

template <typename T>
const T* elements(const at::Tensor& tensor) {
  return static_cast<const T*>(tensor.data_ptr());
}

}  // namespace deepobf
