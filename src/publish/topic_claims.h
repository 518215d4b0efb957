#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "spool/spool_state.h"

// Claim record, in the checkpoint topic := key "topic/<topic>" | value
// value := JSON object with exactly these members:
//   "format"  1
//   "schema", "table"  the one table whose rows are in this topic (base/name_text.h)
//   "crc32c"  as in checkpoint_format.h
// The newest record of a key counts. It is committed before the table's first row is.

namespace bw {

std::string TopicClaimKey(const std::string& topic);
// The topic of such a key; nothing for any other key.
std::optional<std::string_view> TopicOfClaimKey(std::string_view key);
std::string EncodeTopicClaim(const TableName& table);
// Throws Halt kHaltKafka for what cannot be read, naming `where`.
TableName DecodeTopicClaim(std::string_view value, const std::string& where);

// Which table has which topic, so that no topic ever gets the rows of two. A table has one of two
// names: TopicOfTable, or where that cannot be had, the same with a suffix made of the table's name
// (docs/decisions/0010). What it has claimed it keeps, for as long as the topic exists.
class TopicClaims {
 public:
  struct Choice {
    std::string topic;
    // Why it is not the name that the table should have, or, where `topic` is empty, has none.
    std::optional<std::string> collision;
    // Topics that other tables have and this one would have got.
    std::set<std::string> taken;
  };

  // `known` is what committed claims say. Names begin with `prefix`.
  TopicClaims(std::string prefix, std::string checkpoint_topic,
              std::map<std::string, TableName> known);

  // What this table has, or would get now.
  Choice Choose(const TableName& table) const;
  void Claim(const std::string& topic, const TableName& table);
  // All claims are pending, as in a checkpoint topic that was made again.
  void ClaimAgain() { pending_ = tables_; }
  // Whose topic this is; nothing when it is nobody's.
  std::optional<TableName> TableOf(const std::string& topic) const;
  // The brokers do not let this topic be made; holds as long as this object.
  void NoteRefused(const std::string& topic, const std::string& reason);
  // The topic is no more, and with it what its table had there.
  void Release(const std::string& topic);

  // Claims that no committed record says yet.
  const std::map<std::string, TableName>& pending() const { return pending_; }
  void ForgetPending() { pending_.clear(); }

 private:
  std::optional<std::string> Obstacle(const std::string& topic, const TableName& table,
                                      std::set<std::string>* taken) const;
  bool Has(const TableName& table, const std::string& topic) const;

  const std::string prefix_;
  const std::string checkpoint_topic_;
  std::map<std::string, TableName> tables_;  // By topic.
  std::map<std::string, std::string>
      by_form_;  // Topics that Kafka takes for one: its form -> topic.
  std::map<std::string, std::string> refused_;  // Topic -> reason.
  std::map<std::string, TableName> pending_;    // By topic.
};

}  // namespace bw
