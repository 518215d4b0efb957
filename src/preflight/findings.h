#pragma once

#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/halt.h"

namespace bw {

enum class Verdict {
  kGood,
  kDoubtful,  // The relay would start, but somebody should look at it.
  kBad,       // The relay would not start, or would not get anywhere.
};

// One line of `bottledwater check`.
struct Finding {
  Verdict verdict = Verdict::kGood;
  std::string subject;  // "PostgreSQL", "Kafka", "Schema registry", "Spool".
  std::string text;     // What was found, and the remedy; as in a message of ours (ShownText).
  ExitCode exit_code = ExitCode::kOk;  // Of a kBad one: what the relay would exit with.
};

// Collects what the checks of one subject find.
class Findings {
 public:
  explicit Findings(std::string subject) : subject_(std::move(subject)) {}

  void Good(const std::string& text) { Add(Verdict::kGood, text, ExitCode::kOk); }
  void Doubtful(const std::string& text) { Add(Verdict::kDoubtful, text, ExitCode::kOk); }
  void Bad(const std::string& text, ExitCode exit_code) { Add(Verdict::kBad, text, exit_code); }
  void Bad(const Error& error) { Bad(Sentence(error.what()), error.exit_code()); }
  void Bad(const Halt& halt) { Bad(halt.Message(), halt.exit_code); }

  // Runs one check; an Error that it throws is what it has found. Returns whether it threw none.
  template <class Check>
  bool Try(const Check& check) {
    try {
      check();
      return true;
    } catch (const Error& error) {
      Bad(error);
      return false;
    }
  }

  std::vector<Finding> Take() { return std::move(list_); }

 private:
  void Add(Verdict verdict, const std::string& text, ExitCode exit_code) {
    list_.push_back({verdict, subject_, text, exit_code});
  }

  const std::string subject_;
  std::vector<Finding> list_;
};

}  // namespace bw
