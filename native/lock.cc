// Locks on open files, flock(2), which Node.js lacks. The kernel keeps them by file: they hold across containers,
// and over NFS across machines, and end with the process however it ends.
#include <sys/file.h>

#include <cerrno>
#include <cstring>

#include "tensors.h"

namespace deepobf {
namespace {

/** lockFile(fd): takes the lock of an open file; whether it was free. Throws where there are no locks. */
Napi::Value lockFile(const Napi::CallbackInfo& info) {
  const int file = info[0].As<Napi::Number>().Int32Value();
  if (flock(file, LOCK_EX | LOCK_NB) == 0) return Napi::Boolean::New(info.Env(), true);
  if (errno == EWOULDBLOCK) return Napi::Boolean::New(info.Env(), false);
  throw Napi::Error::New(info.Env(), std::strerror(errno));
}

}  // namespace

void defineLock(Napi::Object exports) { define<lockFile>(exports, "lockFile"); }

}  // namespace deepobf
