#include <fmt/format.h>

#include <algorithm>

#include "base/log.h"
#include "base/shell_text.h"
#include "preflight/least_rights.h"
#include "publish/topic_name.h"

namespace bw {
namespace {

// One table by its whole name: such options make the topics known beforehand.
bool IsOneTable(const std::string& pattern) {
  return pattern.find_first_of("*?[\\") == std::string::npos &&
         pattern.find('.') != std::string::npos;
}

// "k1:9092,k2:9092": Kafka's own tools know no SSL:// in front.
std::string WithoutSchemes(std::string brokers) {
  for (size_t at; (at = brokers.find("://")) != std::string::npos;) {
    const size_t comma = brokers.rfind(',', at);
    const size_t begin = comma == std::string::npos ? 0 : comma + 1;
    brokers.erase(begin, at + 3 - begin);
  }
  return brokers;
}

std::string PrincipalOf(const PublishOptions& options, const std::string& given) {
  if (!given.empty()) return given;
  const auto user = options.kafka_config.find("sasl.username");
  return "User:" + (user == options.kafka_config.end() ? "bottledwater" : user->second);
}

class AclText {
 public:
  AclText(const RightsFacts& facts, const Options& options, const std::string& principal)
      : source_{facts.system_identifier, facts.database, options.capture.slot, 0},
        options_(options),
        command_(fmt::format("kafka-acls.sh --bootstrap-server {} --command-config "
                             "admin.properties --add --allow-principal {}",
                             ShellQuoted(WithoutSchemes(options.publish.brokers)),
                             ShellQuoted(PrincipalOf(options.publish, principal)))) {}

  std::string All() const {
    return "# The least rights in Kafka for bottledwater, slot \"" + options_.capture.slot +
           "\". admin.properties: the login of somebody who may change ACLs.\n"
           "# Write and Read each include Describe. Nothing is needed on the cluster: a "
           "transactional producer\n# takes no IdempotentWrite, and Create is granted on "
           "topics.\n" +
           "\n# Its transactions.\n" + TransactionalIds() + "\n" + Topics() +
           "\n# Only for bottledwater remove:\n# " +
           Line("--topic " + CheckpointTopic(options_.publish.topic_prefix, source_), {"Delete"});
  }

 private:
  using Operations = std::vector<std::string_view>;

  std::string Line(const std::string& resource, const Operations& operations) const {
    std::string line = command_ + " " + resource;
    for (const std::string_view operation : operations) {
      line += fmt::format(" --operation {}", operation);
    }
    return line + "\n";
  }

  std::string TransactionalIds() const {
    if (!source_.system_identifier.empty()) {
      return Line("--transactional-id " + ShellQuoted(TransactionalId(source_)), {"Write"});
    }
    return "# (bottledwater.<system identifier of PostgreSQL>.<database>.<slot>)\n" +
           Line("--transactional-id bottledwater. --resource-pattern-type prefixed", {"Write"});
  }

  std::string Topics() const {
    const std::string& prefix = options_.publish.topic_prefix;
    if (!prefix.empty()) {
      return "# Its topics, the checkpoint topic among them. Read: what is beyond the checkpoint "
             "after a failure,\n# and the keys before a re-snapshot. Create: unless all topics are "
             "made beforehand.\n" +
             Line(fmt::format("--topic {}. --resource-pattern-type prefixed", prefix), kOnTopics);
    }
    if (AreTopicsKnown()) return SingleTopics();
    return "# Its topics, all that there are: without --topic-prefix their names are those of the "
           "tables.\n# With a prefix, or with --tables that names each table, fewer do.\n" +
           Line("--topic '*'", kOnTopics);
  }

  bool AreTopicsKnown() const {
    const std::vector<std::string>& tables = options_.capture.tables;
    return !tables.empty() && std::ranges::all_of(tables, IsOneTable);
  }

  std::string SingleTopics() const {
    std::string text =
        "# The topics of the tables in --tables, and the checkpoint topic. A table whose topic is "
        "another's (--on-collision)\n# takes one of another name.\n";
    for (const std::string& table : options_.capture.tables) {
      const size_t dot = table.find('.');
      text += Line("--topic " + TopicOfTable("", table.substr(0, dot), table.substr(dot + 1)),
                   kOnTopics);
    }
    if (options_.publish.on_error == OnError::kDeadLetter) {
      text += Line("--topic " + DeadLetterTopic(""), kOnTopics);
    }
    if (options_.publish.transaction_metadata) {
      text += Line("--topic " + TransactionMetadataTopic(""), kOnTopics);
    }
    return text + Line("--topic " + CheckpointTopic("", source_), kOnTopics);
  }

  static inline const Operations kOnTopics = {"Create", "Write", "Read", "DescribeConfigs"};

  const Source source_;
  const Options& options_;
  const std::string command_;
};

}  // namespace

std::string LeastRightsAcls(const RightsFacts& facts, const Options& options,
                            const std::string& principal) {
  return AclText(facts, options, principal).All();
}

}  // namespace bw
