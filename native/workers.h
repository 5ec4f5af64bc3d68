// What the rest of the addon knows of the other workers of a data-parallel training (workers.cc).
#pragma once

#include <ATen/ATen.h>

#include <cstdint>
#include <functional>

namespace deepobf {

/** Number of workers that have joined; 1 where this process trains alone. */
int64_t workerCount();

/** Begins to sum a float tensor over all workers, in place; the result waits until the sum is there. */
std::function<void()> beginSum(at::Tensor tensor);

/** Sums over all workers, in place; does nothing where this process trains alone. */
void sumOverWorkers(double* values, int64_t count);

}  // namespace deepobf
