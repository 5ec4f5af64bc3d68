// Memory of the kernels beside their tensors.
#pragma once
#include <array>
#include <cstdint>
#include <vector>

namespace deepobf {

/** Memory in whole cache lines, so that no vector lies across two; zeros at first. */
template <typename T>
class Buffer {
 public:
  explicit Buffer(int64_t count = 0) : lines_((count * sizeof(T) + lineBytes - 1) / lineBytes) {}
  T* data() { return reinterpret_cast<T*>(lines_.data()); }
  const T* data() const { return reinterpret_cast<const T*>(lines_.data()); }

 private:
  static constexpr int64_t lineBytes = 64;
  struct alignas(lineBytes) Line {
    std::array<uint8_t, lineBytes> bytes{};
  };
  std::vector<Line> lines_;
};

}  // namespace deepobf
