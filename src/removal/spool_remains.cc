#include <fmt/format.h>

#include <filesystem>
#include <memory>
#include <system_error>

#include "base/format.h"
#include "base/log.h"
#include "base/shell_text.h"
#include "removal/remains.h"
#include "spool/spool.h"
#include "spool/spool_directory.h"

namespace bw {
namespace {

namespace fs = std::filesystem;

// Whether there is anything at all: an empty directory is nobody's spool yet.
bool IsThere(const std::string& directory) {
  std::error_code error;
  return fs::exists(fs::symlink_status(directory, error)) &&
         !(fs::is_directory(directory, error) && fs::is_empty(directory, error));
}

struct Content {
  std::optional<Source> source;
  std::string text;
};

// Reads as much as one transaction to Kafka would have.
std::string Unpublished(const Spool& spool, const SpoolState& state) {
  if (state.phase != SpoolPhase::kStreaming) return "";
  if (state.held_after) {
    return ", with changes of held tables (--on-error=hold) that Kafka does not have: THEY WOULD "
           "BE "
           "LOST";
  }
  const SpoolBatch first = spool.log().Read(state.published.position, {});
  if (first.changes().empty()) return ", nothing in it that Kafka does not have";
  const bool is_all = first.through().position == state.captured.position;
  return fmt::format(", with {}{} changes that Kafka does not have: THEY WOULD BE LOST",
                     is_all ? "" : "more than ", FormatCount(first.changes().size()));
}

// Opens it as a relay would, and closes it again.
Content Read(const SpoolOptions& options) {
  try {
    const std::unique_ptr<Spool> spool = Spool::Open(options);
    const SpoolState state = spool->ledger().state();
    Content content;
    content.text = FormatSize(spool->bytes_on_disk());
    if (state.phase != SpoolPhase::kEmpty) content.source = state.source;
    content.text += Unpublished(*spool, state);
    return content;
  } catch (const Error& error) {
    if (error.exit_code() == ExitCode::kAnotherRelay) throw;
    return {std::nullopt, fmt::format("what is in it cannot be read: {}", error.what())};
  }
}

}  // namespace

SpoolRemains HoldSpool(const SpoolOptions& options) {
  SpoolRemains remains;
  const bool has_store = Spool::Exists(options);  // Throws where nothing can be seen.
  const std::string what = fmt::format("spool \"{}\"", Printable(options.directory));
  if (!IsThere(options.directory)) {
    remains.absent.push_back({RelayPart::kSpool, what, "--spool"});
    return remains;
  }
  const Content content = has_store ? Read(options) : Content{std::nullopt, "without its store"};
  remains.source = content.source;
  // From here on a relay that starts is refused.
  const auto held = std::make_shared<SpoolDirectory>(options.directory);
  remains.list.push_back({.part = RelayPart::kSpool,
                          .what = what,
                          .found = content.text,
                          .by_hand = OwnLine("rm -r -- " + ShellQuoted(options.directory)),
                          .stays = "",
                          .remove = [held] { held->Remove(); }});
  return remains;
}

}  // namespace bw
