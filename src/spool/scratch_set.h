#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace rocksdb {
class DB;
class Env;
class Iterator;
}  // namespace rocksdb

namespace bw {

// A sorted set of byte strings on disk, for what does not fit into memory. Nothing of it outlives
// the object. Used by one thread. Errors, including a full disk, are transient.
class ScratchSet {
 public:
  // Whether the disk has room for `bytes` more.
  using HasRoom = std::function<bool(uint64_t bytes)>;

  // `env` is the file system; nullptr for the real one.
  ScratchSet(const std::string& path, rocksdb::Env* env, HasRoom has_room);
  ~ScratchSet();
  ScratchSet(const ScratchSet&) = delete;
  ScratchSet& operator=(const ScratchSet&) = delete;

  void Add(std::string_view entry);
  void Remove(std::string_view entry);
  // The next entry in byte order, beginning with the smallest; false after the last. Valid until
  // the next call. After the first call nothing may be added or removed.
  bool Next(std::string_view* entry);

  // Removes what a killed process has left.
  static void Destroy(const std::string& path, rocksdb::Env* env);

 private:
  void Wrote(size_t bytes);

  const std::string path_;
  rocksdb::Env* const env_;
  const HasRoom has_room_;
  uint64_t unchecked_bytes_ = 0;  // Written since has_room_ was asked.
  std::unique_ptr<rocksdb::DB> db_;
  std::unique_ptr<rocksdb::Iterator> iterator_;
};

}  // namespace bw
