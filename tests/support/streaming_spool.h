#pragma once

#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>

#include "spool/spool.h"

namespace bw {

// A spool that has no changes yet and takes those of the stream, in a folder of its own.
class StreamingSpool {
 public:
  StreamingSpool() {
    char path[] = "/tmp/bottledwater-test-XXXXXX";
    root_ = mkdtemp(path);
    SpoolOptions options;
    options.directory = root_ + "/spool";
    spool_ = Spool::Open(options);
    spool_->BeginStreamingAt({"1", "db", "slot", 1}, {Position::EndOf(Lsn{1}), Lsn{2}}, "");
    spool_->log().DropUncaptured();
  }
  ~StreamingSpool() {
    spool_.reset();
    std::filesystem::remove_all(root_);
  }
  StreamingSpool(const StreamingSpool&) = delete;
  StreamingSpool& operator=(const StreamingSpool&) = delete;

  Spool* get() const { return spool_.get(); }
  Spool* operator->() const { return get(); }

 private:
  std::string root_;
  std::unique_ptr<Spool> spool_;
};

}  // namespace bw
