// Gradients averaged over the workers of a data-parallel training while the backward pass goes on (Li et al. 2020, arXiv
// 2006.15704, section 3.2): buckets of parameters, the last ones first, are on their way as soon as they are full. Which
// parameter lies where is decided once, by order and size alone, so that every sum is formed in the same order always.
#include <ATen/core/grad_mode.h>
#include <torch/csrc/autograd/function.h>
#include <torch/csrc/autograd/variable.h>

#include <memory>
#include <numeric>

#include "tensors.h"
#include "workers.h"

namespace deepobf {
namespace {

/** Elements after which a bucket is full: 1 MiB. Smaller ones start earlier, larger ones take fewer messages. */
constexpr int64_t fullBucket = 256 * 1024;

class GradientBuckets {
 public:
  explicit GradientBuckets(const std::vector<at::Tensor>& parameters) {
    int64_t size = fullBucket;
    for (auto each = parameters.rbegin(); each != parameters.rend(); ++each) {
      if (size >= fullBucket) {
        buckets_.emplace_back();
        size = 0;
      }
      buckets_.back().members.push_back({*each, size});
      size += each->numel();
      buckets_.back().size = size;
    }
    for (size_t bucket = 0; bucket < buckets_.size(); bucket++) {
      buckets_[bucket].flat = at::zeros({buckets_[bucket].size}, at::kFloat);
      for (size_t member = 0; member < buckets_[bucket].members.size(); member++) listen(bucket, member);
    }
  }

  ~GradientBuckets() { drop(); }

  /** Lets the parameters go. */
  void drop() {
    for (const auto& [node, hook] : hooks_) node->del_post_hook(hook);
    hooks_.clear();
    buckets_.clear();
  }

  /** Begins a step: a small tensor is averaged with the gradients. */
  void begin(at::Tensor values) {
    isListening_ = true;
    values_ = std::move(values);
    ofValues_ = beginSum(values_);
  }

  /** Waits for the averages of what the backward pass gave. Parameters without a gradient get none. */
  void finish() {
    const at::NoGradGuard guard;
    isListening_ = false;
    for (Bucket& bucket : buckets_) {
      if (!bucket.wait) bucket.wait = beginSum(bucket.flat);
    }
    ofValues_();
    const auto count = static_cast<double>(workerCount());
    values_.div_(count);
    for (Bucket& bucket : buckets_) {
      bucket.wait();
      bucket.flat.div_(count);
      for (const Member& member : bucket.members) {
        if (member.hasArrived) member.parameter.mutable_grad().copy_(partOf(bucket, member));
      }
      bucket.reset();
    }
  }

 private:
  struct Member {
    at::Tensor parameter;
    int64_t offset;
    bool hasArrived = false;
  };

  struct Bucket {
    std::vector<Member> members;
    int64_t size = 0;
    at::Tensor flat;
    size_t arrived = 0;
    /** Undefined until the bucket is on its way. */
    std::function<void()> wait;

    void reset() {
      flat.zero_();
      arrived = 0;
      wait = nullptr;
      for (Member& member : members) member.hasArrived = false;
    }
  };

  struct Hook : torch::autograd::FunctionPostHook {
    explicit Hook(std::function<void()> body) : body_(std::move(body)) {}
    torch::autograd::variable_list operator()(const torch::autograd::variable_list& outputs,
                                              const torch::autograd::variable_list&) override {
      body_();
      return outputs;
    }
    std::function<void()> body_;
  };

  /** A pointer of the kind that this libtorch has for the nodes of its graph. */
  using Accumulator = decltype(torch::autograd::impl::grad_accumulator(std::declval<const at::Tensor&>()));

  static at::Tensor partOf(const Bucket& bucket, const Member& member) {
    return bucket.flat.narrow(0, member.offset, member.parameter.numel()).view(member.parameter.sizes());
  }

  /** Has a parameter's gradient put into its bucket when the backward pass has it. */
  void listen(size_t bucket, size_t member) {
    const at::Tensor& parameter = buckets_[bucket].members[member].parameter;
    const auto node = torch::autograd::impl::grad_accumulator(parameter);
    const uintptr_t hook =
        node->add_post_hook(std::make_unique<Hook>([this, bucket, member] { arrive(buckets_[bucket], member); }));
    hooks_.emplace_back(node, hook);
  }

  void arrive(Bucket& bucket, size_t index) {
    if (!isListening_) return;
    const at::NoGradGuard guard;
    Member& member = bucket.members[index];
    partOf(bucket, member).copy_(member.parameter.grad());
    member.hasArrived = true;
    if (++bucket.arrived == bucket.members.size()) bucket.wait = beginSum(bucket.flat);
  }

  std::vector<Bucket> buckets_;
  std::vector<std::pair<Accumulator, uintptr_t>> hooks_;
  bool isListening_ = false;
  at::Tensor values_;
  std::function<void()> ofValues_;
};

/** shareGradients(parameters): an object that averages their gradients over the workers, until it is dropped. */
Napi::Value shareGradients(const Napi::CallbackInfo& info) {
  return Napi::External<GradientBuckets>::New(info.Env(), new GradientBuckets(tensorsOf(info[0])),
                                              [](Napi::Env, GradientBuckets* buckets) { delete buckets; });
}

GradientBuckets& bucketsOf(const Napi::Value& value) { return *value.As<Napi::External<GradientBuckets>>().Data(); }

/** beginStep(buckets, values): before the backward pass; the values are averaged, too, in place. */
Napi::Value beginStep(const Napi::CallbackInfo& info) {
  bucketsOf(info[0]).begin(tensorOf(info[1]));
  return info.Env().Undefined();
}

/** finishStep(buckets): after the backward pass. */
Napi::Value finishStep(const Napi::CallbackInfo& info) {
  bucketsOf(info[0]).finish();
  return info.Env().Undefined();
}

/** dropGradients(buckets): frees their memory. */
Napi::Value dropGradients(const Napi::CallbackInfo& info) {
  bucketsOf(info[0]).drop();
  return info.Env().Undefined();
}

}  // namespace

void defineGradients(Napi::Object exports) {
  define<shareGradients>(exports, "shareGradients");
  define<beginStep>(exports, "beginStep");
  define<finishStep>(exports, "finishStep");
  define<dropGradients>(exports, "dropGradients");
}

}  // namespace deepobf
