#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "spool/spool_store.h"

namespace bw {

// Walks over a range of a store that was opened with StoreAccess::kRead, in the order of its keys.
// Where the process that writes has deleted a file meanwhile, it opens the store again and goes on
// after the last key. Memory does not grow with the range. Used by one thread.
class StoreCursor {
 public:
  // [begin, end). The store outlives the cursor.
  StoreCursor(SpoolStore* store, SpoolStore::Family family, std::string begin, std::string end);

  // The next entry; false after the last. The views live until the next call. Throws Halt
  // kSpoolUnusable where the store is damaged, and a transient Error when it cannot be read.
  bool Next(std::string_view* key, std::string_view* value);
  // After a damage: goes on after the file that it is in. False when nothing comes after that.
  bool SkipDamage();

 private:
  void Fill();
  void Scan();

  SpoolStore* const store_;
  const SpoolStore::Family family_;
  std::string begin_;  // Of what is not yet in buffer_.
  const std::string end_;
  bool at_end_ = false;
  // Entries that were read ahead: sizes of key and value, and their bytes one after the other.
  struct Sizes {
    size_t key = 0;
    size_t value = 0;
  };
  std::vector<Sizes> sizes_;
  std::string buffer_;
  size_t next_ = 0;    // In sizes_.
  size_t offset_ = 0;  // In buffer_.
};

}  // namespace bw
