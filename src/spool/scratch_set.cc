#include "spool/scratch_set.h"

#include <rocksdb/db.h>
#include <rocksdb/table.h>

#include "base/byte_size.h"
#include "base/error.h"

namespace bw {
namespace {

constexpr uint64_t kMemtableBytes = 16 * kMiB;

rocksdb::Options ScratchOptions(rocksdb::Env* env) {
  rocksdb::Options options;
  if (env != nullptr) options.env = env;
  options.create_if_missing = true;
  options.write_buffer_size = kMemtableBytes;
  options.avoid_flush_during_shutdown = true;  // Nothing of it outlives this object.
  options.max_background_jobs = 2;
  options.max_open_files = 256;
  options.keep_log_file_num = 1;
  options.compression = rocksdb::kLZ4Compression;
  rocksdb::BlockBasedTableOptions table;
  table.block_cache = nullptr;
  table.no_block_cache = true;  // Written once, read once.
  options.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  return options;
}

rocksdb::WriteOptions WithoutLog() {
  rocksdb::WriteOptions options;
  options.disableWAL = true;
  return options;
}

void Check(const rocksdb::Status& status) {
  if (!status.ok()) throw TransientError("the spool's scratch files: " + status.ToString());
}

}  // namespace

ScratchSet::ScratchSet(const std::string& path, rocksdb::Env* env, HasRoom has_room)
    : path_(path), env_(env), has_room_(std::move(has_room)) {
  Destroy(path_, env_);
  rocksdb::DB* db = nullptr;
  Check(rocksdb::DB::Open(ScratchOptions(env_), path_, &db));
  db_.reset(db);
}

ScratchSet::~ScratchSet() {
  iterator_.reset();
  db_.reset();
  Destroy(path_, env_);
}

void ScratchSet::Destroy(const std::string& path, rocksdb::Env* env) {
  // A failure does no harm: the next ScratchSet tries again.
  rocksdb::DestroyDB(path, ScratchOptions(env));
}

void ScratchSet::Add(std::string_view entry) {
  BW_CHECK(!iterator_);
  Check(db_->Put(WithoutLog(), entry, rocksdb::Slice()));
  Wrote(entry.size());
}

void ScratchSet::Remove(std::string_view entry) {
  BW_CHECK(!iterator_);
  Check(db_->Delete(WithoutLog(), entry));
  Wrote(entry.size());
}

void ScratchSet::Wrote(size_t bytes) {
  unchecked_bytes_ += bytes;
  if (unchecked_bytes_ < kMemtableBytes / 4) return;
  unchecked_bytes_ = 0;
  if (!has_room_(2 * kMemtableBytes)) {
    throw TransientError("there is no room beside the spool to compare the topics' keys");
  }
}

bool ScratchSet::Next(std::string_view* entry) {
  if (!iterator_) {
    rocksdb::ReadOptions options;
    options.fill_cache = false;
    iterator_.reset(db_->NewIterator(options));
    iterator_->SeekToFirst();
  } else {
    iterator_->Next();
  }
  if (!iterator_->Valid()) {
    Check(iterator_->status());
    return false;
  }
  *entry = iterator_->key().ToStringView();
  return true;
}

}  // namespace bw
