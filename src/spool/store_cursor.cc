#include "spool/store_cursor.h"

#include <utility>

#include "base/byte_size.h"
#include "base/error.h"

namespace bw {
namespace {

constexpr size_t kBufferBytes = 4 * kMiB;
// How often in a row the store is opened again without an entry having been read.
constexpr int kReopensMax = 5;

}  // namespace

StoreCursor::StoreCursor(SpoolStore* store, SpoolStore::Family family, std::string begin,
                         std::string end)
    : store_(store), family_(family), begin_(std::move(begin)), end_(std::move(end)) {}

bool StoreCursor::Next(std::string_view* key, std::string_view* value) {
  if (next_ == sizes_.size()) Fill();
  if (next_ == sizes_.size()) return false;
  const Sizes sizes = sizes_[next_++];
  const std::string_view entry = std::string_view(buffer_).substr(offset_);
  *key = entry.substr(0, sizes.key);
  *value = entry.substr(sizes.key, sizes.value);
  offset_ += sizes.key + sizes.value;
  return true;
}

void StoreCursor::Fill() {
  sizes_.clear();
  buffer_.clear();
  next_ = offset_ = 0;
  for (int reopens = 0; sizes_.empty() && !at_end_; ++reopens) {
    try {
      Scan();
    } catch (const Error& error) {
      // What was read before the failure is delivered first; the next call meets it again.
      if (!sizes_.empty()) return;
      if (error.kind() != ErrorKind::kTransient || reopens == kReopensMax) throw;
      store_->Reopen();
    }
  }
}

void StoreCursor::Scan() {
  bool is_full = false;
  const std::string begin = begin_;
  store_->Scan(family_, begin, end_, [&](std::string_view key, std::string_view value) {
    sizes_.push_back({key.size(), value.size()});
    buffer_.append(key).append(value);
    begin_.assign(key).push_back('\0');
    is_full = buffer_.size() >= kBufferBytes;
    return !is_full;
  });
  at_end_ = !is_full;
}

bool StoreCursor::SkipDamage() {
  const auto end_of_file = store_->EndOfFileFrom(family_, begin_);
  if (!end_of_file || *end_of_file >= end_) return false;
  begin_ = *end_of_file + '\0';
  return true;
}

}  // namespace bw
