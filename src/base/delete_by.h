#pragma once

namespace bw {

// For std::unique_ptr: lets the C library's function free its object.
template <auto kFree>
struct DeleteBy {
  template <class T>
  void operator()(T* object) const {
    kFree(object);
  }
};

}  // namespace bw
