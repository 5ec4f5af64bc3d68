// Memory of the CPU's tensors. A training step asks for the same sizes each time; returning them to the
// kernel costs page faults, so they are kept. Large tensors get blocks of their own in huge pages: in
// glibc's heap small allocations split the gaps they leave, and the process grows.
#include <c10/core/CPUAllocator.h>
#include <malloc.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <cstring>
#include <map>
#include <mutex>
#include <unordered_map>
#include <utility>

#include "tensors.h"

namespace deepobf {
namespace {

constexpr size_t hugePage = size_t{2} << 20;
const size_t smallPage = sysconf(_SC_PAGESIZE);

size_t roundUp(size_t value, size_t multiple) { return (value + multiple - 1) / multiple * multiple; }

/** Maps pages that start where a huge page does; null where the system gives none. */
void* map(size_t bytes) {
  const size_t mapped = bytes + hugePage;
  void* address = mmap(nullptr, mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (address == MAP_FAILED) return nullptr;
  char* first = static_cast<char*>(address);
  char* start = reinterpret_cast<char*>(roundUp(reinterpret_cast<size_t>(first), hugePage));
  const size_t before = start - first;
  if (before > 0) munmap(first, before);
  munmap(start + bytes, hugePage - before);
  madvise(start, bytes, MADV_HUGEPAGE);
  return start;
}

/** Blocks of huge pages. Those that no tensor uses are kept, up to a limit. */
class Blocks {
 public:
  void keepAtMost(size_t bytes) {
    const std::lock_guard<std::mutex> lock(mutex_);
    most_ = bytes;
    if (held_ > most_) giveUpFree();
  }

  void* take(size_t wanted) {
    const size_t bytes = roundUp(wanted, smallPage);
    const std::lock_guard<std::mutex> lock(mutex_);
    const auto found = free_.lower_bound(bytes);
    if (found == free_.end() || found->first > bytes + bytes / 8) {
      void* block = map(bytes);
      if (block == nullptr) {
        giveUpFree();
        block = map(bytes);
      }
      TORCH_CHECK(block != nullptr, "can't allocate memory: you tried to allocate ", bytes, " bytes");
      used_.emplace(block, bytes);
      return block;
    }
    void* block = found->second;
    used_.emplace(block, found->first);
    held_ -= found->first;
    free_.erase(found);
    return block;
  }

  /** Whether this is a block of ours, and then takes it back. */
  bool give(void* block) {
    if (reinterpret_cast<size_t>(block) % hugePage != 0) return false;
    const std::lock_guard<std::mutex> lock(mutex_);
    const auto found = used_.find(block);
    if (found == used_.end()) return false;
    const size_t bytes = found->second;
    used_.erase(found);
    if (held_ + bytes > most_) {
      munmap(block, bytes);
    } else {
      free_.emplace(bytes, block);
      held_ += bytes;
    }
    return true;
  }

 private:
  void giveUpFree() {
    for (const auto& [bytes, block] : free_) munmap(block, bytes);
    free_.clear();
    held_ = 0;
  }

  std::mutex mutex_;
  std::unordered_map<void*, size_t> used_;
  std::multimap<size_t, void*> free_;
  size_t held_ = 0;
  size_t most_ = 0;
};

// Never destroyed: tensors may outlive the statics.
Blocks& blocks = *new Blocks;
c10::Allocator& small = *c10::GetCPUAllocator();

void release(void* memory) {
  if (memory != nullptr && !blocks.give(memory)) small.raw_deleter()(memory);
}

// libtorch 2.3 took the const off `allocate` and added `copy_data`.
class TensorAllocator final : public c10::Allocator {
 public:
  c10::DataPtr allocate(size_t bytes) { return std::as_const(*this).allocate(bytes); }

  c10::DataPtr allocate(size_t bytes) const {
    if (bytes < hugePage) return small.allocate(bytes);
    void* block = blocks.take(bytes);
    return {block, block, release, c10::Device(c10::DeviceType::CPU)};
  }

  void copy_data(void* target, const void* source, size_t bytes) const {
    std::memcpy(target, source, bytes);
  }

  c10::DeleterFnPtr raw_deleter() const override { return release; }
};

}  // namespace

void keepFreeBlocks(size_t bytes) { blocks.keepAtMost(bytes); }

void tuneMemory() {
  // The rest, such as oneDNN's scratch memory, stays in glibc's heap.
  mallopt(M_MMAP_MAX, 0);
  mallopt(M_TRIM_THRESHOLD, -1);
  c10::SetCPUAllocator(new TensorAllocator, /*priority=*/1);
}

}  // namespace deepobf
