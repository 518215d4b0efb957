#include "tail/start_rule.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "tail/last_offsets.h"
#include "tail/tail_options.h"
#include "tail/topic_choice.h"
#include "unit/publish/fake_kafka.h"

namespace bw {
namespace {

using Kind = StartRule::Kind;

StartRule Parse(std::string_view text) { return ParseStartRule("--from", text); }

template <class Act>
Error ErrorOf(const Act& act) {
  try {
    act();
  } catch (const Error& error) {
    return error;
  }
  ADD_FAILURE() << "nothing was thrown";
  return UsageError("");
}

TEST(StartRule, IsReadFromItsText) {
  EXPECT_EQ(Parse("beginning"), (StartRule{Kind::kBeginning, 0}));
  EXPECT_EQ(Parse("end"), (StartRule{Kind::kEnd, 0}));
  EXPECT_EQ(Parse("stored"), (StartRule{Kind::kKnown, 0}));
  EXPECT_EQ(Parse("0"), (StartRule{Kind::kOffset, 0}));
  EXPECT_EQ(Parse("120"), (StartRule{Kind::kOffset, 120}));
  EXPECT_EQ(Parse("-10"), (StartRule{Kind::kLast, 10}));
  for (const char* time : {"2026-11-22T03:11:19Z", "2026-11-22t03:11:19z",
                           "2026-11-22T04:11:19+01:00", "2026-11-22T03:11:19.000Z"}) {
    EXPECT_EQ(Parse(time), (StartRule{Kind::kTime, 1'795'317'079'000})) << time;
  }
  for (const char* wrong :
       {"", "start", "-0", "-", "+5", "1.5", "-1000001", "2026-11-22", "2026-11-22T03:11:19",
        "2026-13-22T03:11:19Z", "99999999999999999999"}) {
    EXPECT_EQ(ErrorOf([&] { Parse(wrong); }).exit_code(), ExitCode::kUsage) << wrong;
  }
}

// What there is: 100 to 199, of which 150 on belong to an open transaction.
PartitionState State(std::optional<int64_t> known = {}, std::optional<int64_t> found = {}) {
  return {{"orders", 2}, {100, 200}, 150, found, known};
}

const OffsetKeeper kTable{.name = "table landing", .how_to_reset = "Fill a new table"};
const OffsetKeeper kSkipping{.name = "table landing", .how_to_reset = "", .skip_lost = true};

TEST(StartOffset, IsWithinWhatThereIs) {
  EXPECT_EQ(StartOffset({Kind::kBeginning}, State(), {}), 100);
  EXPECT_EQ(StartOffset({Kind::kEnd}, State(), {}), 150);
  EXPECT_EQ(StartOffset({Kind::kOffset, 120}, State(), {}), 120);
  EXPECT_EQ(StartOffset({Kind::kOffset, 5}, State(), {}), 100);
  EXPECT_EQ(StartOffset({Kind::kOffset, 900}, State(), {}), 150);
  EXPECT_EQ(StartOffset({Kind::kTime, 7}, State({}, 130), {}), 130);
  EXPECT_EQ(StartOffset({Kind::kLast, 7}, State({}, 90), {}), 100);
}

TEST(StartOffset, GoesOnWhereItWasKnown) {
  EXPECT_EQ(StartOffset({Kind::kKnown}, State(), kTable), 100);
  for (const int64_t known : {100, 120, 150, 170, 200}) {
    EXPECT_EQ(StartOffset({Kind::kKnown}, State(known), kTable), known);
  }
}

TEST(StartOffset, SaysWhatWasLost) {
  const Error lost = ErrorOf([] { StartOffset({Kind::kKnown}, State(99), kTable); });
  EXPECT_EQ(lost.exit_code(), ExitCode::kHaltKafka);
  for (const char* part :
       {"orders partition 2", "table landing", "offset 99", "begins at 100", "--skip-lost"}) {
    EXPECT_NE(std::string(lost.what()).find(part), std::string::npos) << lost.what();
  }
  EXPECT_EQ(StartOffset({Kind::kKnown}, State(99), kSkipping), 100);
  // A topic that was made again has other messages under these offsets: nothing to skip.
  for (const OffsetKeeper& keeper : {kTable, kSkipping}) {
    EXPECT_EQ(ErrorOf([&] { StartOffset({Kind::kKnown}, State(201), keeper); }).exit_code(),
              ExitCode::kHaltKafka);
  }
}

TEST(TailOptions, BeginAndEndAsTheirUseSuggests) {
  TailOptions options;
  EXPECT_EQ(StartRuleOf(options), (StartRule{Kind::kLast, 10}));
  EXPECT_TRUE(Follows(options));
  options.format = TailFormat::kCopy;
  EXPECT_EQ(StartRuleOf(options), (StartRule{Kind::kBeginning, 0}));
  EXPECT_FALSE(Follows(options));
  options.table = "landing";
  EXPECT_EQ(StartRuleOf(options).kind, Kind::kKnown);
  options.follow = true;
  EXPECT_TRUE(Follows(options));
}

TEST(TailOptions, RefuseWhatContradicts) {
  const auto refusal = [](auto change) {
    TailOptions options;
    options.topics = {"t"};
    CheckTailOptions(options);
    change(&options);
    return std::string(ErrorOf([&] { CheckTailOptions(options); }).what());
  };
  EXPECT_TRUE(
      refusal([](TailOptions* o) { o->group = o->table = "x"; }).starts_with("--from-table"));
  EXPECT_TRUE(refusal([](TailOptions* o) { o->from = Parse("stored"); }).starts_with("--from:"));
  EXPECT_TRUE(refusal([](TailOptions* o) {
                o->table = "x";
                o->from = Parse("end");
              }).starts_with("--from:"));
  EXPECT_TRUE(refusal([](TailOptions* o) { o->skip_lost = true; }).starts_with("--skip-lost"));
  EXPECT_TRUE(refusal([](TailOptions* o) { o->limit = 0; }).starts_with("--limit"));
  EXPECT_TRUE(
      refusal([](TailOptions* o) { o->columns = {TailColumn::kKey}; }).starts_with("--columns"));
}

TEST(TailOptions, ListsAreRead) {
  EXPECT_EQ(ParsePartitions("--partition", "3,0,3"), (std::vector<int32_t>{0, 3}));
  for (const char* wrong : {"", "a", "1,", "-1", "1.5"}) {
    EXPECT_THROW(ParsePartitions("--partition", wrong), Error) << wrong;
  }
  EXPECT_EQ(ParseColumns("--columns", "value,key"),
            (std::vector{TailColumn::kValue, TailColumn::kKey}));
  EXPECT_THROW(ParseColumns("--columns", "value,"), Error);
}

const std::map<std::string, int32_t> kTopics = {{"shop.orders", 4},
                                                {"shop.items", 1},
                                                {"orders_old", 1},
                                                {"shop.bottledwater.db.slot.checkpoint", 1},
                                                {"__consumer_offsets", 50}};

std::vector<std::string> Choose(std::vector<std::string> words) {
  const TopicChoice choice = ChooseTopics(words, kTopics);
  EXPECT_EQ(choice.missing, std::vector<std::string>{});
  return choice.topics;
}

TEST(TopicChoice, TakesNamesAndGlobs) {
  EXPECT_EQ(Choose({"shop.orders"}), std::vector<std::string>{"shop.orders"});
  EXPECT_EQ(Choose({"shop.*", "shop.items", "*items"}),
            (std::vector<std::string>{"shop.items", "shop.orders"}));
  EXPECT_EQ(Choose({"*"}), (std::vector<std::string>{"orders_old", "shop.items", "shop.orders"}));
  // By its name, everything can be read.
  EXPECT_EQ(Choose({"__consumer_offsets"}), std::vector<std::string>{"__consumer_offsets"});
}

TEST(TopicChoice, SuggestsWhatWasMeant) {
  const auto missing = [](const std::string& word) {
    const TopicChoice choice = ChooseTopics(std::vector{word}, kTopics);
    EXPECT_TRUE(choice.topics.empty());
    return choice.missing.empty() ? "" : choice.missing.front();
  };
  EXPECT_EQ(missing("shop.oders"), "there is no topic shop.oders; did you mean shop.orders?");
  EXPECT_EQ(missing("orders"), "there is no topic orders; did you mean shop.orders?");
  EXPECT_NE(missing("nothing-like-it").find("3 others"), std::string::npos);
  EXPECT_EQ(missing("crm.*"), "no topic matches crm.*");
}

TEST(TopicChoice, TellsWhatIsThereFromWhatMayCome) {
  const std::vector<std::string> words{"shop.orders", "shop.later", "crm.*"};
  const TopicChoice choice = ChooseTopics(words, kTopics);
  EXPECT_EQ(choice.topics, std::vector<std::string>{"shop.orders"});
  EXPECT_EQ(choice.missing.size(), 2U);
  EXPECT_TRUE(ChoosesTopic(words, "shop.later") && ChoosesTopic(words, "crm.people"));
  EXPECT_FALSE(ChoosesTopic(words, "shop.items"));
  EXPECT_FALSE(ChoosesTopic(std::vector<std::string>{"*"}, "__consumer_offsets"));
}

TEST(TopicChoice, RefusesWhatNoTopicCanBeCalled) {
  for (const std::string& word : {std::string("two words"), std::string(250, 'x')}) {
    EXPECT_EQ(ErrorOf([&] { ChooseTopics(std::vector{word}, kTopics); }).exit_code(),
              ExitCode::kUsage);
  }
}

TEST(LastOffsets, CountMessagesAndNotOffsets) {
  FakeKafka kafka;
  FakeKafka::Partition sparse;
  for (int i = 0; i < 1'000; ++i) {
    FakeKafka::Entry entry;
    entry.is_control = i % 100 != 0;
    entry.fate = FakeKafka::Fate::kCommitted;
    sparse.push_back(entry);
  }
  kafka.topics["t"] = {sparse, FakeKafka::Partition{}};
  const std::vector<PartitionState> states = {{{"t", 0}, {0, 1'000}, 1'000, {}, {}},
                                              {{"t", 1}, {0, 0}, 0, {}, {}}};
  EXPECT_EQ(OffsetsOfLast(&kafka, states, 1), (std::vector<int64_t>{900, 0}));
  EXPECT_EQ(OffsetsOfLast(&kafka, states, 7), (std::vector<int64_t>{300, 0}));
  EXPECT_EQ(OffsetsOfLast(&kafka, states, 10), (std::vector<int64_t>{0, 0}));
  EXPECT_EQ(OffsetsOfLast(&kafka, states, 11), (std::vector<int64_t>{0, 0}));
}

}  // namespace
}  // namespace bw
