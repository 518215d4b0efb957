#pragma once

#include <pthread.h>

#include <cstddef>

namespace bw {

// Names the calling thread, as `top -H`, perf and gdb show it (docs/architecture.md, "Threads").
// The main thread keeps the program's name.
template <size_t kSize>
void NameThisThread(const char (&name)[kSize]) {
  static_assert(kSize <= 16, "the kernel keeps 15 characters");
  pthread_setname_np(pthread_self(), name);
}

}  // namespace bw
