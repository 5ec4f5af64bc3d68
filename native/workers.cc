// The other workers of a data-parallel training: a store that all reach, libtorch's gloo group for the sums, and a
// thread that gives a sign of life and looks for those of the others, so that nobody waits for a worker that is gone.
// Nothing here is freed when the process fails: gloo's threads may still wait for the worker that is gone.
#include "workers.h"

#include "tensors.h"

#ifdef USE_C10D_GLOO
#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netdb.h>
#include <sched.h>
#include <sys/socket.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/csrc/distributed/c10d/PrefixStore.hpp>
#include <torch/csrc/distributed/c10d/ProcessGroupGloo.hpp>
#include <torch/csrc/distributed/c10d/TCPStore.hpp>
#include <torch/library.h>
#include <unistd.h>

#include <atomic>
#include <condition_variable>
#include <cstring>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>

namespace deepobf {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;
using Store = c10::intrusive_ptr<c10d::Store>;

constexpr milliseconds pollInterval{250};
constexpr milliseconds beatInterval{1000};
/** How long a wait keeps its processor: one that sleeps takes longer to wake up than a small sum takes. */
constexpr milliseconds spinning{20};
/** A worker that was silent for so long when a connection broke is the one that broke it. */
constexpr milliseconds silenceOfTheLost{4000};
constexpr milliseconds longestStart{300'000};
/** How long the others get to hear of a failure: each looks once a beat. */
constexpr milliseconds timeToHear = 3 * beatInterval;
/** No sum takes so long: the watch ends the wait for a worker that is gone. */
constexpr milliseconds noLimit{24 * 3600 * 1000};

std::vector<uint8_t> bytesOf(const std::string& text) { return {text.begin(), text.end()}; }
std::string textOf(const std::vector<uint8_t>& bytes) { return {bytes.begin(), bytes.end()}; }

/** Where the store is, and who asks. */
struct Place {
  std::string host;
  uint16_t port;
  /** Whether this process offers the store; else it, or a launcher, is a client of it. */
  bool isServer;
  std::string prefix;
  int rank;
  int size;
  milliseconds patience;
};

/** To the store. They outlive a group: the next one of this process meets at the same store. */
struct Connections {
  explicit Connections(const Place& place) : own(connect(place, place.isServer)), pulse(connect(place, false)) {}

  const Store own;
  /** The watch's: the other one may be waiting. */
  const Store pulse;

 private:
  static Store connect(const Place& place, bool isServer) {
    c10d::TCPStoreOptions options;
    options.port = place.port;
    options.isServer = isServer;
    options.waitWorkers = false;
    options.timeout = longestStart;
    return c10::make_intrusive<c10d::TCPStore>(place.host, options);
  }
};

/** Work in a thread that nobody has to wait for. What it works on is its own, too. */
struct Beside {
  void answer(const std::function<void()>& work) {
    std::string problem;
    try {
      work();
    } catch (const std::exception& error) {
      problem = error.what()[0] == '\0' ? "unknown reason" : error.what();
    }
    const std::lock_guard<std::mutex> lock(mutex_);
    problem_ = problem;
    isDone_ = true;
    done_.notify_all();
  }

  bool waitFor(milliseconds time) {
    std::unique_lock<std::mutex> lock(mutex_);
    return done_.wait_for(lock, time, [this] { return isDone_; });
  }

  void throwIfFailed() {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (!problem_.empty()) throw std::runtime_error(problem_);
  }

 private:
  std::mutex mutex_;
  std::condition_variable done_;
  bool isDone_ = false;
  std::string problem_;
};

/** A store that is on the way to be reached. */
struct Reaching : Beside {
  std::unique_ptr<const Connections> connections;
};

class Workers {
 public:
  Workers(Place place, const Connections& connections)
      : place_(std::move(place)), store_(prefixed(connections.own)), pulse_(prefixed(connections.pulse)) {
    char host[256] = "";
    gethostname(host, sizeof host - 1);
    who_[place_.rank] = "process " + std::to_string(getpid()) + " on " + host;
    lastBeat_ = Clock::now();
    watch_ = std::thread([this] { keepWatch(); });
  }

  ~Workers() { end(); }

  int size() const { return place_.size; }
  bool hasJoined() const { return group_.defined(); }
  bool hasLeft() const { return isLeaving_; }

  void set(const std::string& name, const std::string& text) { store_->set(name, bytesOf(text)); }

  /** What the store says of a key, as far as it has answered. */
  struct Found {
    bool isAnswered = false;
    /** Null where nobody has set it yet. */
    std::unique_ptr<std::string> text;
  };

  /** Asks the store in a thread of its own: it never answers where the first worker has stopped. Throws where it is gone. */
  Found get(const std::string& name) {
    std::shared_ptr<Question>& question = questions_[name];
    if (!question) {
      question = std::make_shared<Question>();
      std::thread([question = question, store = store_, name] {
        question->answer([&] {
          if (store->check({name})) question->text = std::make_unique<std::string>(textOf(store->get(name)));
        });
      }).detach();
    }
    if (!question->waitFor(pollInterval / 10)) return {};
    const std::shared_ptr<Question> answered = std::move(question);
    questions_.erase(name);
    answered->throwIfFailed();
    return {true, std::move(answered->text)};
  }

  /** Connects every worker with every other one. All are there. Throws once a worker is known to be gone. */
  void join(const std::string& interface) {
    // Sums take as long as they take: the watch ends the wait, and older versions of libtorch know this limit alone.
    auto options = c10d::ProcessGroupGloo::Options::create(noLimit);
    options->devices.push_back(interface.empty() ? deviceTowards(place_.host)
                                                 : c10d::ProcessGroupGloo::createDeviceForInterface(interface));
    options->threads = 2;
    const auto connecting = std::make_shared<Connecting>();
    std::thread([connecting, options, store = store_, rank = place_.rank, size = place_.size] {
      connecting->answer([&] {
        connecting->group = c10::make_intrusive<c10d::ProcessGroupGloo>(
            c10::make_intrusive<c10d::PrefixStore>("gloo", store), rank, size, options);
      });
    }).detach();
    while (!connecting->waitFor(pollInterval)) throwIfFailed();
    connecting->throwIfFailed();
    group_ = connecting->group;
  }

  /** Ends the watch: the others may be gone from now on. The first worker goes on giving signs of life: they wait for it. */
  void leave() {
    if (isLeaving_) return;
    stop(isLeaving_);
    group_.reset();
    if (place_.rank == 0) watch_ = std::thread([this] { stayAlive(); });
  }

  /** Gives no sign of life any more. */
  void end() { stop(isOver_); }

  c10::intrusive_ptr<c10d::Work> allReduce(const at::Tensor& tensor) {
    std::vector<at::Tensor> tensors{tensor};
    c10d::AllreduceOptions options;
    options.timeout = noLimit;
    return group_->allreduce(tensors, options);
  }

  c10::intrusive_ptr<c10d::Work> broadcast(const at::Tensor& tensor) {
    std::vector<at::Tensor> tensors{tensor};
    c10d::BroadcastOptions options;
    options.timeout = noLimit;
    return group_->broadcast(tensors, options);
  }

  /** Waits for a collective operation. Throws once a worker is known to be gone, and leaves the operation its tensors. */
  void wait(const c10::intrusive_ptr<c10d::Work>& work) {
    throwIfFailed();  // sums may go well although somebody else has come in a worker's place
    for (const auto end = Clock::now() + spinning; !work->isCompleted() && Clock::now() < end;) sched_yield();
    for (;;) {
      try {
        work->wait(pollInterval);
        return;
      } catch (const std::exception& error) {
        if (work->isCompleted()) {
          if (!work->exception()) return;  // it ended well while the wait for it ran out
          explain(error.what());
        }
        throwIfFailed();
      }
    }
  }

  /**
   * What is known of a worker that is gone; empty while all are there. A process that was not given a processor for long
   * finds its own signs of life overdue: its watch gets the time for one before that counts.
   */
  std::string failure() {
    const std::lock_guard<std::mutex> lock(mutex_);
    const Clock::time_point now = Clock::now();
    if (isLeaving_ || now - lastBeat_ <= place_.patience + beatInterval) {
      overdueSince_ = Clock::time_point::max();
    } else if (overdueSince_ == Clock::time_point::max()) {
      overdueSince_ = now;
    } else if (failure_.empty() && now - overdueSince_ > 2 * beatInterval) {
      failure_ = describe(0, "does not answer for " + seconds(place_.patience));
    }
    return failure_;
  }

  /**
   * Tells the others why this worker has to end, in a thread of its own: the store never answers where the first worker
   * has stopped. Throws where it is gone.
   */
  void announce(const std::string& what) {
    const std::string reason = [&] {
      const std::lock_guard<std::mutex> lock(mutex_);
      return describe(place_.rank, what);
    }();
    isAnnouncing_ = true;
    const auto telling = std::make_shared<Question>();
    std::thread([telling, store = store_, reason, listeners = place_.size - 1] {
      telling->answer([&] { telling->text = std::make_unique<std::string>(tell(store, reason, listeners)); });
    }).detach();
    if (!telling->waitFor(timeToHear)) return fail(reason);
    telling->throwIfFailed();
    fail(*telling->text);
  }

 private:
  struct Question : Beside {
    std::unique_ptr<std::string> text;
  };

  struct Connecting : Beside {
    c10::intrusive_ptr<c10d::ProcessGroupGloo> group;
  };

  /** Ends the thread that looks at this mark. */
  void stop(bool& mark) {
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      mark = true;
    }
    wake_.notify_all();
    if (watch_.joinable()) watch_.join();
  }

  Store prefixed(const Store& store) { return c10::make_intrusive<c10d::PrefixStore>(place_.prefix, store); }

  static std::string key(const char* name, int rank) { return std::string(name) + "/" + std::to_string(rank); }
  static std::string seconds(milliseconds time) { return std::to_string(time.count() / 1000) + " s"; }

  /** Names a worker. The first one may be gone together with the store that knows its process. */
  std::string describe(int rank, const std::string& what) {
    const auto known = who_.find(rank);
    return "worker " + std::to_string(rank) + " of " + std::to_string(place_.size) +
           (known == who_.end() ? "" : " (" + known->second + ")") + " " + what;
  }

  /**
   * Tells the others why a worker is gone, and gives the first reason that somebody told: it counts. The store may end
   * with this process: they get time.
   */
  static std::string tell(const Store& store, const std::string& reason, int listeners) {
    const std::string first = textOf(store->compareSet("failure", bytesOf(""), bytesOf(reason)));
    if (first != reason) store->add("heard", 1);
    for (auto end = Clock::now() + timeToHear; first == reason && Clock::now() < end;) {
      if (store->add("heard", 0) >= listeners) break;
      std::this_thread::sleep_for(milliseconds(50));
    }
    return first;
  }

  /** The watch's word to the others: a worker is gone. */
  void report(int rank, const std::string& what, int listeners) {
    isAnnouncing_ = true;
    fail(tell(pulse_, describe(rank, what), listeners));
  }

  void fail(const std::string& reason) {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (failure_.empty()) failure_ = reason;
  }

  void throwIfFailed() {
    const std::string reason = failure();
    if (!reason.empty()) throw std::runtime_error(reason);
  }

  /** A connection broke: throws as soon as the watch knows whose. */
  [[noreturn]] void explain(const std::string& what) {
    isSuspicious_ = true;
    for (auto end = Clock::now() + 3 * silenceOfTheLost; Clock::now() < end;) {
      throwIfFailed();
      std::this_thread::sleep_for(milliseconds(50));
    }
    fail("the connection to a worker broke: " + what);
    throw std::runtime_error(failure());
  }

  /** Says who this is, unless another process has been this worker. The first one's store ends with it: nobody takes its place. */
  void come() {
    const std::string who = key("who", place_.rank);
    if (place_.rank == 0 || !pulse_->check({who})) return pulse_->set(who, bytesOf(who_[place_.rank]));
    introduce(place_.rank, textOf(pulse_->get(who)));
    report(place_.rank, "is gone: another process has taken its place", place_.size - 1);
  }

  void introduce(int rank, const std::string& who) {
    const std::lock_guard<std::mutex> lock(mutex_);
    who_[rank] = who;
  }

  void keepWatch() {
    try {
      come();
    } catch (const std::exception&) {
      return fail(describe(0, "is gone: its store cannot be reached"));
    }
    std::unique_lock<std::mutex> lock(mutex_);
    while (!isLeaving_ && failure_.empty()) {
      lock.unlock();
      try {
        beat();
        look();
        lock.lock();
        lastBeat_ = Clock::now();
      } catch (const std::exception&) {
        fail(describe(0, "is gone: its store cannot be reached"));
        return;
      }
      wake_.wait_for(lock, beatInterval, [this] { return isLeaving_; });
    }
  }

  void beat() { pulse_->set(key("alive", place_.rank), bytesOf(life_ + "." + std::to_string(++beats_))); }

  void stayAlive() {
    std::unique_lock<std::mutex> lock(mutex_);
    while (!isOver_) {
      lock.unlock();
      try {
        beat();
      } catch (const std::exception&) {
        return;  // a launcher's store is gone: nobody looks any more
      }
      lock.lock();
      wake_.wait_for(lock, beatInterval, [this] { return isOver_; });
    }
  }

  /** Looks for a reason to fail: the first worker looks at all others, these at the first. */
  void look() {
    if (pulse_->check({"failure"})) {
      const std::string reason = textOf(pulse_->get("failure"));
      if (!isAnnouncing_) pulse_->add("heard", 1);
      return fail(reason);
    }
    if (isSuspicious_) pulse_->set("suspicion", bytesOf("1"));
    const bool isLost = isSuspicious_ || pulse_->check({"suspicion"});
    const milliseconds patience = isLost ? std::min(silenceOfTheLost, place_.patience) : place_.patience;
    if (place_.rank != 0) return lookAt(0, patience);
    for (int rank = 1; rank < place_.size; rank++) lookAt(rank, patience);
  }

  void lookAt(int rank, milliseconds patience) {
    if (!pulse_->check({key("alive", rank)})) return;
    if (who_.count(rank) == 0) introduce(rank, textOf(pulse_->get(key("who", rank))));
    const std::string beat = textOf(pulse_->get(key("alive", rank)));
    Sign& sign = signs_[rank];
    if (!sign.beat.empty() && lifeOf(beat) != lifeOf(sign.beat)) {
      report(rank, "is gone: another process has taken its place", place_.size - 2);
    } else if (beat != sign.beat) {
      sign = {beat, 0};
    } else if (++sign.looks * beatInterval > patience) {
      report(rank, "gives no sign of life", place_.size - 2);
    }
  }

  /** The name of a network interface that is up and leads to other hosts; empty where there is none. */
  static std::string interfaceToOthers() {
    ifaddrs* first = nullptr;
    if (getifaddrs(&first) != 0) return "";
    std::string name;
    for (const ifaddrs* each = first; each && name.empty(); each = each->ifa_next) {
      const bool isIp = each->ifa_addr && each->ifa_addr->sa_family == AF_INET;
      if (isIp && (each->ifa_flags & IFF_UP) && !(each->ifa_flags & IFF_LOOPBACK)) name = each->ifa_name;
    }
    freeifaddrs(first);
    return name;
  }

  /**
   * The network device by which a host is reached; that of this host's name where it is only reached from here. A host's
   * own name may lead to itself alone (127.0.1.1 on Debian), where others cannot reach it.
   */
  static std::shared_ptr<gloo::transport::Device> deviceTowards(const std::string& host) {
    addrinfo hints{};
    hints.ai_socktype = SOCK_DGRAM;
    addrinfo* found = nullptr;
    if (getaddrinfo(host.c_str(), "9", &hints, &found) != 0) return c10d::ProcessGroupGloo::createDefaultDevice();
    sockaddr_storage own{};
    socklen_t length = sizeof own;
    const int file = socket(found->ai_family, SOCK_DGRAM, 0);
    const bool isRouted = ::connect(file, found->ai_addr, found->ai_addrlen) == 0 &&
                          getsockname(file, reinterpret_cast<sockaddr*>(&own), &length) == 0;
    close(file);
    freeaddrinfo(found);
    char address[NI_MAXHOST] = "";
    if (!isRouted || getnameinfo(reinterpret_cast<sockaddr*>(&own), length, address, sizeof address, nullptr, 0,
                                 NI_NUMERICHOST) != 0)
      return c10d::ProcessGroupGloo::createDefaultDevice();
    const auto isLoopback = [](const std::string& text) { return text.rfind("127.", 0) == 0 || text == "::1"; };
    if (isLoopback(address) && !isLoopback(host) && host != "localhost") {
      const std::string interface = interfaceToOthers();
      if (!interface.empty()) return c10d::ProcessGroupGloo::createDeviceForInterface(interface);
    }
    return c10d::ProcessGroupGloo::createDeviceForHostname(address);
  }

  /** Looks are a beat apart or more, and none is made while this process is not given a processor. */
  struct Sign {
    std::string beat;
    int looks;
  };

  static std::string lifeOf(const std::string& beat) { return beat.substr(0, beat.find('.')); }

  const Place place_;
  const Store store_;
  const Store pulse_;
  /** Tells this process from another one of its rank: in containers both may have the same number and host. */
  const std::string life_ = std::to_string(std::chrono::system_clock::now().time_since_epoch().count());
  c10::intrusive_ptr<c10d::ProcessGroupGloo> group_;
  std::thread watch_;
  std::mutex mutex_;
  std::condition_variable wake_;
  bool isLeaving_ = false;
  bool isOver_ = false;
  int64_t beats_ = 0;
  std::string failure_;
  Clock::time_point lastBeat_;
  Clock::time_point overdueSince_ = Clock::time_point::max();
  std::atomic<bool> isSuspicious_{false};
  /** Whoever tells of a failure needs no word of it: its own watch is none of the listeners. */
  std::atomic<bool> isAnnouncing_{false};
  std::map<int, Sign> signs_;
  /** What the store was asked and has not answered, by key. */
  std::map<std::string, std::shared_ptr<Question>> questions_;
  std::map<int, std::string> who_;
};

Workers* present = nullptr;

Workers& workers() {
  TORCH_CHECK(present, "this process has no connection to other workers");
  return *present;
}

std::string text(const Napi::Value& value) { return value.As<Napi::String>(); }
int number(const Napi::Value& value) { return value.As<Napi::Number>().Int32Value(); }

/** The connections to the store; null while they are not there yet. Throws where it cannot be reached. */
const Connections* reach(const Place& place) {
  static const Connections* connections = nullptr;
  static std::shared_ptr<Reaching> reaching;
  if (connections) return connections;
  if (!reaching) {
    reaching = std::make_shared<Reaching>();
    std::thread([reaching = reaching, place] {
      reaching->answer([&] { reaching->connections = std::make_unique<const Connections>(place); });
    }).detach();
  }
  if (!reaching->waitFor(pollInterval / 10)) return nullptr;
  const std::shared_ptr<Reaching> reached = std::move(reaching);
  reached->throwIfFailed();
  return connections = reached->connections.release();
}

/**
 * connectWorkers(host, port, isServer, prefix, rank, size, patienceSeconds): whether the store is reached by now. To be
 * called until it is.
 */
Napi::Value connectWorkers(const Napi::CallbackInfo& info) {
  TORCH_CHECK(!present || present->hasLeft(), "an earlier job of this process ended without the other workers");
  const milliseconds patience(static_cast<int64_t>(info[6].As<Napi::Number>().DoubleValue() * 1000));
  const Place place{text(info[0]), static_cast<uint16_t>(number(info[1])), info[2].As<Napi::Boolean>(),
                    text(info[3]), number(info[4]), number(info[5]), patience};
  const Connections* connections = reach(place);
  if (!connections) return Napi::Boolean::New(info.Env(), false);
  delete std::exchange(present, nullptr);
  present = new Workers(place, *connections);
  return Napi::Boolean::New(info.Env(), true);
}

/** tellWorkers(key, text) */
Napi::Value tellWorkers(const Napi::CallbackInfo& info) {
  workers().set(text(info[0]), text(info[1]));
  return info.Env().Undefined();
}

/** askWorkers(key): the text, null where nobody has told it yet, undefined where the store has not answered so far. */
Napi::Value askWorkers(const Napi::CallbackInfo& info) {
  const auto found = workers().get(text(info[0]));
  if (!found.isAnswered) return info.Env().Undefined();
  if (!found.text) return info.Env().Null();
  return Napi::String::New(info.Env(), *found.text);
}

/** joinWorkers(interface): an empty name leaves the choice to the addon. */
Napi::Value joinWorkers(const Napi::CallbackInfo& info) {
  workers().join(text(info[0]));
  return info.Env().Undefined();
}

Napi::Value leaveWorkers(const Napi::CallbackInfo& info) {
  workers().leave();
  return info.Env().Undefined();
}

/** endSignsOfLife(): of the first worker, which gives them after it has left, too. */
Napi::Value endSignsOfLife(const Napi::CallbackInfo& info) {
  workers().end();
  return info.Env().Undefined();
}

/** workerFailure(): what is known of a worker that is gone, or the empty text. */
Napi::Value workerFailure(const Napi::CallbackInfo& info) {
  return Napi::String::New(info.Env(), present ? present->failure() : "");
}

/** announceFailure(reason) */
Napi::Value announceFailure(const Napi::CallbackInfo& info) {
  workers().announce(text(info[0]));
  return info.Env().Undefined();
}

/** broadcastFromFirst(handles): gives all workers the values of the first one's tensors. */
Napi::Value broadcastFromFirst(const Napi::CallbackInfo& info) {
  const at::NoGradGuard guard;
  for (const at::Tensor& tensor : tensorsOf(info[0])) {
    const at::Tensor values = tensor.detach().cpu().contiguous();
    const auto bytes = static_cast<int64_t>(values.nbytes());
    // What waits no longer may still be sent or received into: the bytes live as long as their view.
    const at::Tensor view = at::from_blob(values.data_ptr(), {bytes}, [values](void*) {}, at::kByte);
    workers().wait(workers().broadcast(view));
    tensor.detach().copy_(values);
  }
  return info.Env().Undefined();
}

class SumOverWorkers : public torch::autograd::Function<SumOverWorkers> {
 public:
  static at::Tensor forward(torch::autograd::AutogradContext*, const at::Tensor& x) { return summed(x); }
  static torch::autograd::variable_list backward(torch::autograd::AutogradContext*,
                                                 torch::autograd::variable_list gradients) {
    return {summed(gradients[0])};
  }

 private:
  static at::Tensor summed(const at::Tensor& x) {
    const at::Tensor sum = x.detach().to(at::kCPU, x.scalar_type(), /*non_blocking=*/false, /*copy=*/true).contiguous();
    beginSum(sum)();
    return sum.to(x.device());
  }
};

}  // namespace

int64_t workerCount() { return present && present->hasJoined() ? present->size() : 1; }

std::function<void()> beginSum(at::Tensor tensor) {
  const auto work = workers().allReduce(tensor);
  return [work, tensor] { workers().wait(work); };
}

void sumOverWorkers(double* values, int64_t count) {
  if (workerCount() == 1) return;
  const at::Tensor sums = at::empty({count}, at::kDouble);
  std::memcpy(sums.data_ptr(), values, count * sizeof(double));
  beginSum(sums)();
  std::memcpy(values, sums.data_ptr(), count * sizeof(double));
}

void defineWorkers(Napi::Object exports) {
  define<connectWorkers>(exports, "connectWorkers");
  define<tellWorkers>(exports, "tellWorkers");
  define<askWorkers>(exports, "askWorkers");
  define<joinWorkers>(exports, "joinWorkers");
  define<leaveWorkers>(exports, "leaveWorkers");
  define<endSignsOfLife>(exports, "endSignsOfLife");
  define<workerFailure>(exports, "workerFailure");
  define<announceFailure>(exports, "announceFailure");
  define<broadcastFromFirst>(exports, "broadcastFromFirst");
}

TORCH_LIBRARY_FRAGMENT(deepobf, library) {
  library.def("sum_over_workers(Tensor x) -> Tensor", [](const at::Tensor& x) { return SumOverWorkers::apply(x); });
}

}  // namespace deepobf

#else  // this libtorch has no gloo: a process trains alone

namespace deepobf {

int64_t workerCount() { return 1; }
std::function<void()> beginSum(at::Tensor) { TORCH_CHECK(false, "this libtorch has no gloo"); }
void sumOverWorkers(double*, int64_t) {}
void defineWorkers(Napi::Object) {}

}  // namespace deepobf

#endif
