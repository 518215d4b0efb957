#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "base/envelope.h"
#include "spool/spool_state.h"

// Claim record, in the checkpoint topic := key "topic/<topic>" | value
// value := JSON object with exactly these members:
//   "format"  1
//   "schema", "table"  the one table whose rows are in this topic (base/name_text.h)
//   "crc32c"  as in checkpoint_format.h
// The newest record of a key counts. It is committed before the table's first row.

namespace bw {

std::string TopicClaimKey(const std::string& topic);
// The topic of such a key; nothing for any other key.
std::optional<std::string_view> TopicOfClaimKey(std::string_view key);
std::string EncodeTopicClaim(const TableName& table);
// Throws Halt kHaltKafka, naming `where`, when the value is unreadable.
TableName DecodeTopicClaim(std::string_view value, const std::string& where);

// Which table owns which topic, so that no topic ever gets the rows of two tables. A table gets one
// of two names: TopicOfTable or, when that is not available, TopicWithSuffix (docs/decisions/0010).
// It keeps the topic that it has claimed for as long as the topic exists.
class TopicClaims {
 public:
  struct Choice {
    std::string topic;
    // Why it is not TopicOfTable or, when `topic` is empty, why the table can have no topic.
    std::optional<std::string> collision;
    // Topics of other tables that this one would otherwise have got.
    std::set<std::string> taken;
  };

  // `known` are the committed claims. Names begin with `prefix`.
  TopicClaims(std::string prefix, std::string checkpoint_topic,
              std::map<std::string, TableName> known, Envelope envelope = Envelope::kNone);

  // What this table has now, or would get.
  Choice Choose(const TableName& table) const;
  void Claim(const std::string& topic, const TableName& table);
  // Makes all claims pending: the checkpoint topic was recreated.
  void ClaimAgain() { pending_ = tables_; }
  // The table that owns this topic; nothing when none does.
  std::optional<TableName> TableOf(const std::string& topic) const;
  // The brokers refuse to create this topic: releases it. Holds for the lifetime of this object.
  void NoteRefused(const std::string& topic, const std::string& reason);
  // The topic no longer exists, or was never created: its table gives it up.
  void Release(const std::string& topic);

  // Claims that no committed record has yet.
  const std::map<std::string, TableName>& pending() const { return pending_; }
  void ForgetPending() { pending_.clear(); }

 private:
  std::optional<std::string> Obstacle(const std::string& topic, const TableName& table,
                                      std::set<std::string>* taken) const;
  const std::string prefix_;
  const Envelope envelope_;
  const std::string checkpoint_topic_;
  std::map<std::string, TableName> tables_;     // By topic.
  std::map<std::string, std::string> by_form_;  // KafkaFormOfTopic -> topic.
  std::map<std::string, std::string> refused_;  // Topic -> reason.
  std::map<std::string, TableName> pending_;    // By topic.
};

}  // namespace bw
