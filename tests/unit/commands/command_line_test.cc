#include "commands/command_line.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "base/error.h"
#include "commands/command_table.h"
#include "commands/help_text.h"
#include "options/exit_code_table.h"
#include "options/option_table.h"

namespace bw {
namespace {

class OptionsTest : public testing::Test {
 protected:
  OptionsTest() : directory_(testing::TempDir() + "/bw_options_XXXXXX") {
    EXPECT_NE(mkdtemp(directory_.data()), nullptr);
  }
  ~OptionsTest() override { std::filesystem::remove_all(directory_); }

  std::string WriteFile(const std::string& name, const std::string& text, mode_t mode = 0600) {
    const std::string path = directory_ + "/" + name;
    std::ofstream(path) << text;
    EXPECT_EQ(chmod(path.c_str(), mode), 0);
    return path;
  }

  CommandLine ParseAll(std::vector<std::string> arguments) {
    std::vector<const char*> argv = {"bottledwater"};
    for (const std::string& argument : arguments) argv.push_back(argument.c_str());
    return ParseCommandLine(static_cast<int>(argv.size()), argv.data(), environment_,
                            CommandTable());
  }

  // With the one option that is required.
  Options Parse(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), {"-d", "shop"});
    const CommandLine line = ParseAll(std::move(arguments));
    EXPECT_NE(line.command, nullptr);
    return line.invocation.options;
  }

  std::string Refusal(std::vector<std::string> arguments) {
    try {
      Parse(std::move(arguments));
    } catch (const Error& error) {
      EXPECT_EQ(error.exit_code(), ExitCode::kUsage);
      return error.what();
    }
    return "";
  }

  std::string directory_;
  Environment environment_;
};

TEST_F(OptionsTest, HaveTheOriginalsDefaults) {
  const Options options = Parse({});
  EXPECT_EQ(options.capture.conninfo, "shop");
  EXPECT_EQ(options.capture.slot, "bottledwater");
  EXPECT_EQ(options.publish.brokers, "localhost:9092");
  EXPECT_EQ(options.registry.url, "http://localhost:8081");
  EXPECT_EQ(options.publish.output_format, OutputFormat::kAvro);
  EXPECT_FALSE(options.capture.allow_unkeyed);
  EXPECT_EQ(options.publish.topic_prefix, "");
  EXPECT_EQ(options.publish.on_error, OnError::kExit);
  EXPECT_FALSE(options.capture.skip_snapshot);
  EXPECT_EQ(options.spool.directory, "./bottledwater.spool");
  EXPECT_EQ(options.capture.max_wal_retained_bytes, 256 * kMiB);
  EXPECT_TRUE(options.warnings.empty());
}

TEST_F(OptionsTest, HaveTheOriginalsLetters) {
  const Options options = Parse({"-s",          "one", "-b",          "k:1", "-r",
                                 "https://r:2", "-f",  "json",        "-u",  "-p",
                                 "pre",         "-e",  "log",         "-x",  "-C",
                                 "linger.ms=7", "-C",  "client.id=x", "-T",  "retention.ms=-1"});
  EXPECT_EQ(options.capture.slot, "one");
  EXPECT_EQ(options.publish.brokers, "k:1");
  EXPECT_EQ(options.registry.url, "https://r:2");
  EXPECT_EQ(options.publish.output_format, OutputFormat::kJson);
  EXPECT_TRUE(options.capture.allow_unkeyed);
  EXPECT_EQ(options.publish.topic_prefix, "pre");
  EXPECT_EQ(options.publish.on_error, OnError::kLog);
  EXPECT_TRUE(options.capture.skip_snapshot);
  EXPECT_EQ(options.publish.kafka_config,
            (std::map<std::string, std::string>{{"client.id", "x"}, {"linger.ms", "7"}}));
  EXPECT_EQ(options.publish.topic_config,
            (std::map<std::string, std::string>{{"retention.ms", "-1"}}));
}

TEST_F(OptionsTest, TakeEveryNewOption) {
  const Options options = Parse({"--spool=/s",
                                 "--max-wal-retained=1GiB",
                                 "--spool-max-bytes=10GiB",
                                 "--publication",
                                 "p",
                                 "--tables=public.*,a.b",
                                 "--tables=[x]",
                                 "--exclude-tables=public.log",
                                 "--transaction-max-messages=500",
                                 "--transaction-max-bytes=1MiB",
                                 "--replay-window=2GiB",
                                 "--log-level=debug",
                                 "--status-interval=5s",
                                 "--snapshot-connections=4",
                                 "--schema-registry-timeout=3s",
                                 "--accept-gap=2/44DAB970",
                                 "--adopt-slot",
                                 "--republish",
                                 "--numeric=double",
                                 "--arrays=text",
                                 "--enums=avro",
                                 "--schema-docs",
                                 "--intervals=micros",
                                 "--time-precision=millis"});
  EXPECT_EQ(options.spool.directory, "/s");
  EXPECT_EQ(options.capture.max_wal_retained_bytes, kGiB);
  EXPECT_EQ(options.spool.max_bytes, 10 * kGiB);
  EXPECT_EQ(options.capture.publication, "p");
  EXPECT_EQ(options.capture.tables, (std::vector<std::string>{"public.*", "a.b", "[x]"}));
  EXPECT_EQ(options.capture.exclude_tables, (std::vector<std::string>{"public.log"}));
  EXPECT_EQ(options.publish.transaction_max_messages, 500u);
  EXPECT_EQ(options.publish.transaction_max_bytes, kMiB);
  EXPECT_EQ(options.publish.replay_window_bytes, 2 * kGiB);
  EXPECT_EQ(options.log.level, "debug");
  EXPECT_EQ(options.status_interval, Duration(5000));
  EXPECT_EQ(options.capture.snapshot_connections, 4);
  EXPECT_EQ(options.registry.request_timeout, Duration(3000));
  EXPECT_EQ(options.overrides.accept_gap, (Lsn{0x2'44DA'B970}));
  EXPECT_TRUE(options.overrides.adopt_slot);
  EXPECT_TRUE(options.overrides.republish);
  EXPECT_EQ(options.capture.type_forms.numeric, NumericForm::kDouble);
  EXPECT_EQ(options.capture.type_forms.arrays, ArrayForm::kText);
  EXPECT_TRUE(options.capture.schema_docs);
  EXPECT_EQ(options.capture.type_forms.enums, EnumForm::kAvro);
  EXPECT_EQ(options.capture.type_forms.intervals, IntervalForm::kMicros);
  EXPECT_EQ(options.capture.type_forms.time_precision, TimePrecision::kMillis);
}

TEST_F(OptionsTest, ComeFromTheCommandLineBeforeTheEnvironmentBeforeTheFile) {
  const std::string path = WriteFile("conf",
                                     "slot = 'file'\nbroker = 'file:1'\nspool = 'file'\n"
                                     "allow-unkeyed = true\nskip-snapshot = true\n");
  environment_ = {{"BOTTLEDWATER_SLOT", "environment"},
                  {"BOTTLEDWATER_BROKER", "environment:1"},
                  {"BOTTLEDWATER_SKIP_SNAPSHOT", "false"},
                  {"BOTTLEDWATER_CONFIG", path}};
  const Options options = Parse({"--slot=arguments"});
  EXPECT_EQ(options.capture.slot, "arguments");
  EXPECT_EQ(options.publish.brokers, "environment:1");
  EXPECT_EQ(options.spool.directory, "file");
  EXPECT_TRUE(options.capture.allow_unkeyed);
  EXPECT_FALSE(options.capture.skip_snapshot);
}

TEST_F(OptionsTest, EveryOptionHasItsEnvironmentVariableAndItsLineInAFile) {
  const std::map<std::string_view, std::string> examples = {
      {"postgres", "shop"},
      {"broker", "a:1"},
      {"schema-registry", "http://a"},
      {"schema-registry-timeout", "1s"},
      {"slot", "a"},
      {"snapshot-connections", "1"},
      {"envelope", "none"},
      {"partitions", "leaf"},
      {"on-truncate", "halt"},
      {"toast-cache-max-bytes", "1GiB"},
      {"refetch", "false"},
      {"output-format", "json"},
      {"on-error", "log"},
      {"on-collision", "hold"},
      {"invalid-text", "bytes"},
      {"numeric", "double"},
      {"arrays", "text"},
      {"enums", "avro"},
      {"intervals", "micros"},
      {"time-precision", "millis"},
      {"kafka-config", "client.id=b"},
      {"topic-config", "a=b"},
      {"transaction-max-messages", "5"},
      {"max-message-bytes", "1MiB"},
      {"partition-by", "key-body"},
      {"subject-naming", "record"},
      {"auto-register", "false"},
      {"schema-check-interval", "5min"},
      {"accept-new-schema-ids", "true"},
      {"transaction-max-bytes", "1MiB"},
      {"spool-max-bytes", "1GiB"},
      {"max-wal-retained", "1GiB"},
      {"replay-window", "1GiB"},
      {"accept-gap", "1/2"},
      {"skip-transaction", "1/2"},
      {"log-level", "warn"},
      {"log-format", "json"},
      {"status-interval", "1min"},
      {"admin", "127.0.0.1:9187"},
      {"stall-after", "1min"},
  };
  for (const OptionSpec& spec : OptionTable()) {
    if (spec.name == "config" || spec.name.ends_with("-file") ||
        spec.name.starts_with("schema-registry-") || spec.name == "admin-certificate" ||
        spec.name == "admin-key" || spec.name == "admin-host" || spec.name == "postgres") {
      continue;  // They need a file, or a partner.
    }
    std::string value = "a";
    if (spec.arity == OptionArity::kFlag) value = "true";
    if (const auto found = examples.find(spec.name); found != examples.end()) value = found->second;
    environment_ = {{EnvironmentName(spec.name), value}};
    EXPECT_EQ(Refusal({}), "") << spec.name;
    environment_.clear();
    const std::string path = WriteFile("conf", std::string(spec.name) + " = \"" + value + "\"\n");
    EXPECT_EQ(Refusal({"--config", path}), "") << spec.name;
  }
  EXPECT_EQ(EnvironmentName("max-wal-retained"), "BOTTLEDWATER_MAX_WAL_RETAINED");
}

TEST_F(OptionsTest, NameThePlaceOfABadKafkaProperty) {
  const std::string properties = WriteFile("kafka.properties", "# Secrets.\n\nlinger.mss=1\n");
  EXPECT_TRUE(Refusal({"--kafka-config-file", properties}).starts_with(properties + ":3: "));
  const std::string config = WriteFile("conf", "slot = 'a'\nkafka-config = \"linger.mss=1\"\n");
  EXPECT_TRUE(Refusal({"--config", config}).starts_with(config + ":2: kafka-config: "));
  const std::string table = WriteFile("table", "[kafka-config]\nbatch.size = 9\nlinger.mss = 1\n");
  EXPECT_TRUE(Refusal({"--config", table}).starts_with(table + ":3: kafka-config: "));
  EXPECT_TRUE(Refusal({"-C", "linger.ms=soon"}).starts_with("--kafka-config: "));
  environment_ = {{"BOTTLEDWATER_KAFKA_CONFIG_ACKS", "0"}};
  EXPECT_EQ(Refusal({}),
            "BOTTLEDWATER_KAFKA_CONFIG: acks cannot be set: publishing exactly once rests on our "
            "value");
}

TEST_F(OptionsTest, MergeKafkaPropertiesKeyByKey) {
  const std::string properties = WriteFile("kafka.properties",
                                           "# Secrets.\n\nsasl.password = p=w#d \n"
                                           "linger.ms=1\r\nclient.id=file\n");
  const std::string config =
      WriteFile("conf", "[kafka-config]\n\"client.id\" = \"config\"\nbatch.size = 9\n");
  environment_ = {{"BOTTLEDWATER_KAFKA_CONFIG", "linger.ms=2\nsocket.timeout.ms=50"},
                  {"BOTTLEDWATER_KAFKA_CONFIG_SASL_USERNAME", "relay"},
                  {"BOTTLEDWATER_KAFKA_CONFIG_FILE", properties}};
  const Options options = Parse({"--config=" + config, "-C", "linger.ms=3"});
  EXPECT_EQ(options.publish.kafka_config,
            (std::map<std::string, std::string>{{"sasl.password", "p=w#d "},
                                                {"linger.ms", "3"},
                                                {"client.id", "config"},
                                                {"batch.size", "9"},
                                                {"sasl.username", "relay"},
                                                {"socket.timeout.ms", "50"}}));
  EXPECT_TRUE(options.warnings.empty());
}

TEST_F(OptionsTest, RefuseAPropertyThatOneSourceGivesTwoValues) {
  EXPECT_EQ(Refusal({"-C", "linger.ms=1", "-C", "linger.ms=2"}),
            "--kafka-config: linger.ms is given twice with different values");
  EXPECT_EQ(Refusal({"-C", "linger.ms=1", "-C", "linger.ms=1"}), "");
}

TEST_F(OptionsTest, UnknownOnesSuggestTheNearest) {
  EXPECT_EQ(Refusal({"--slots=x"}), "unknown option --slots; did you mean --slot? (see --help)");
  EXPECT_NE(Refusal({"--max-wal-retaind", "1GiB"}).find("did you mean --max-wal-retained?"),
            std::string::npos);
  EXPECT_EQ(Refusal({"--frobnicate"}), "unknown option --frobnicate (see --help)");
  EXPECT_EQ(Refusal({"-q"}), "unknown option -q (see --help)");
  EXPECT_NE(Refusal({"shop"}).find("unexpected argument \"shop\""), std::string::npos);
  EXPECT_EQ(Refusal({"--schema-registry-password=geheim"}).find("geheim"), std::string::npos);

  const std::string path = WriteFile("conf", "\nbrokers = 'a:1'\n");
  EXPECT_EQ(Refusal({"--config", path}),
            path + ":2: unknown option \"brokers\"; did you mean broker? (see --help)");
  const std::string other = WriteFile("other", "config = 'x'\n");
  EXPECT_NE(Refusal({"--config", other}).find("a file cannot name another file"),
            std::string::npos);
}

TEST_F(OptionsTest, AMistypedEnvironmentVariableIsAWarning) {
  environment_ = {
      {"BOTTLEDWATER_SLOTS", "x"}, {"BOTTLEDWATER_CACHE", "/tmp"}, {"BOTTLEDWATER_KILL_AT", "x:1"}};
  const Options options = Parse({});
  ASSERT_EQ(options.warnings.size(), 1u);
  EXPECT_NE(options.warnings[0].find("BOTTLEDWATER_SLOT?"), std::string::npos);
}

TEST_F(OptionsTest, SayWhereABadValueWasGiven) {
  EXPECT_TRUE(Refusal({"--max-wal-retained=-1"}).starts_with("--max-wal-retained: \"-1\""));
  EXPECT_EQ(Refusal({"--allow-unkeyed=maybe"}),
            "--allow-unkeyed: \"maybe\" is neither true nor false");
  EXPECT_FALSE(Parse({"--allow-unkeyed=false"}).capture.allow_unkeyed);
  EXPECT_TRUE(Refusal({"-e", "ignore"}).starts_with("--on-error: \"ignore\""));
  const std::string path = WriteFile("conf", "slot = 'a'\nspool-max-bytes = '5'\n");
  EXPECT_TRUE(Refusal({"--config", path}).starts_with(path + ":2: spool-max-bytes: a spool needs"));
  environment_ = {{"BOTTLEDWATER_BROKER", "a:0"}};
  EXPECT_TRUE(Refusal({}).starts_with("BOTTLEDWATER_BROKER: \"a:0\""));
}

TEST_F(OptionsTest, RefuseAnAdminPortThatIsNone) {
  for (const char* port : {"0", "65536", "70000", "99999999999"}) {
    EXPECT_NE(Refusal({"--admin", std::string("127.0.0.1:") + port}).find("from 1 to 65535"),
              std::string::npos);
  }
  for (const char* address : {"127.0.0.1:9187", "[::1]:65535", ":1"}) {
    EXPECT_EQ(Refusal({"--admin", address}), "");
  }
  EXPECT_NE(Refusal({"--admin", "localhost"}).find("not HOST:PORT"), std::string::npos);
  for (const char* address : {"::1", "::1:80", "[::1:80", "[]:80", "::1]:80", "[[::1]]:80",
                              "a b:80", "a:8 0", "caf\xc3\xa9:80"}) {
    EXPECT_NE(Refusal({"--admin", address}).find("in brackets"), std::string::npos) << address;
  }
}

TEST_F(OptionsTest, RefuseHalfOfACertificateAndItsKey) {
  EXPECT_EQ(Refusal({"--admin=:1", "--admin-certificate=a"}),
            "--admin-certificate and --admin-key go together: --admin-key is missing");
  EXPECT_EQ(Refusal({"--admin=:1", "--admin-key=a"}),
            "--admin-certificate and --admin-key go together: --admin-certificate is missing");
  EXPECT_NE(Refusal({"--admin-certificate=a", "--admin-key=b"}).find("there is no --admin"),
            std::string::npos);
  EXPECT_EQ(Refusal({"--admin=:1", "--admin-certificate=a", "--admin-key=b"}), "");
}

TEST_F(OptionsTest, RefuseWhatOnlyAdminUsesWithoutIt) {
  const std::string token = WriteFile("token", "s3cret\n");
  for (const std::string& option :
       {std::string("--admin-host=relay.example"), "--admin-token-file=" + token}) {
    const std::string name = option.substr(0, option.find('='));
    EXPECT_TRUE(Refusal({option}).starts_with(name + ": there is no --admin that would use it"))
        << Refusal({option});
    EXPECT_EQ(Refusal({"--admin=:1", option}), "");
  }
}

TEST_F(OptionsTest, RefuseTwoValuesWhereThereIsOne) {
  EXPECT_EQ(Refusal({"-s", "a", "--slot=b"}), "--slot: given 2 times, and it has one value");
  const std::string path = WriteFile("conf", "slot = ['a', 'b']\n");
  EXPECT_EQ(Refusal({"--config", path}), path + ":1: slot: expected a string, found an array");
  EXPECT_EQ(Refusal({"-C"}),
            "--kafka-config: the value is missing; write --kafka-config=KEY=VALUE");
  const std::string help = WriteFile("help", "help = true\n");
  EXPECT_EQ(Refusal({"--config", help}), help + ":1: help: belongs on the command line");
  EXPECT_NE(Refusal({"--tables=a["}).find("has a [ without its ]"), std::string::npos);
  EXPECT_EQ(Refusal({"--tables=a\\[,[a-z]*,[]]"}), "");
  EXPECT_NE(Refusal({"--broker=host:abc"}).find("has no port"), std::string::npos);
  EXPECT_NE(Refusal({"--slot=shop_inserts"}).find("slot \"shop\"; choose another"),
            std::string::npos);
  EXPECT_EQ(Refusal({"--slot=shop_inserts", "--publication=p"}), "");
  EXPECT_NE(Refusal({"--slot", std::string(56, 'a')}).find("56 bytes, but at most 55"),
            std::string::npos);
  EXPECT_EQ(Refusal({"--slot", std::string(55, 'a')}), "");
  EXPECT_EQ(Refusal({"--slot"}), "--slot: the value is missing; write --slot=NAME");
  EXPECT_EQ(Refusal({"--spool=", "--slot=a"}), "--spool: the value is empty; leave the option out");
}

TEST_F(OptionsTest, RequireADatabase) {
  try {
    ParseAll({});
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("--postgres is missing"), std::string::npos);
  }
  EXPECT_NE(Refusal({"-d", "x"}).find("--postgres: given 2 times"), std::string::npos);
}

// By hand, as under systemd, whose credentials only the service can read.
TEST_F(OptionsTest, FilesThatCannotBeReadStopOnlyCommandsThatNeedThem) {
  const std::string config = WriteFile("conf",
                                       "kafka-config-file = \"/nowhere/kafka\"\n"
                                       "admin-token-file = \"/nowhere/token\"\n"
                                       "schema-registry-user = \"relay\"\n"
                                       "schema-registry-password-file = \"/nowhere/registry\"\n"
                                       "postgres = \"dbname=shop\"\n");
  for (const char* command : {"status", "pause", "resume", "inspect", "resnapshot"}) {
    const CommandLine line = ParseAll({command, "--config", config});
    const auto& unread = line.invocation.options.unread_files;
    ASSERT_EQ(unread.size(), 3u) << command;
    EXPECT_EQ(unread.find("kafka-config-file")->second.what(),
              config +
                  ":1: kafka-config-file: cannot read \"/nowhere/kafka\": No such file or "
                  "directory");
  }
  for (const std::vector<std::string>& command :
       std::vector<std::vector<std::string>>{{}, {"check"}, {"remove"}, {"tail", "t"}}) {
    std::vector<std::string> arguments = command;
    arguments.insert(arguments.end(), {"--config", config});
    EXPECT_THROW(ParseAll(arguments), Error) << testing::PrintToString(command);
  }
  EXPECT_THROW(ParseAll({"pause", "--config", "/nowhere/conf"}), Error);
}

TEST_F(OptionsTest, KeepSecretsOffTheCommandLine) {
  const std::string refusal = Refusal({"-C", "sasl.password=geheim"});
  EXPECT_NE(refusal.find("--kafka-config-file"), std::string::npos) << refusal;
  EXPECT_NE(refusal.find("BOTTLEDWATER_KAFKA_CONFIG_SASL_PASSWORD"), std::string::npos) << refusal;
  EXPECT_EQ(refusal.find("geheim"), std::string::npos);

  const CommandLine line = ParseAll({"-d", "postgres://u:geheim@h/d"});
  ASSERT_EQ(line.invocation.options.warnings.size(), 1u);
  EXPECT_EQ(line.invocation.options.warnings[0].find("geheim"), std::string::npos);
  environment_ = {{"BOTTLEDWATER_POSTGRES", "postgres://u:geheim@h/d"}};
  EXPECT_TRUE(ParseAll({}).invocation.options.warnings.empty());
}

TEST_F(OptionsTest, RefuseSecretsInFilesThatEverybodyMayRead) {
  const std::string open = WriteFile("open", "kafka-config = \"ssl.key.password=geheim\"\n", 0644);
  EXPECT_NE(Refusal({"--config", open}).find("chmod 600"), std::string::npos);
  const std::string harmless = WriteFile("harmless", "slot = 'a'\n", 0644);
  EXPECT_EQ(Refusal({"--config", harmless}), "");
  const std::string properties = WriteFile("kafka", "sasl.password=geheim\n", 0644);
  EXPECT_NE(Refusal({"--kafka-config-file", properties}).find("chmod 600"), std::string::npos);
  const std::string uri = WriteFile("uri", "postgres = 'postgres://u:geheim@h/d'\n", 0644);
  try {
    ParseAll({"--config", uri});
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("chmod 600"), std::string::npos);
    EXPECT_EQ(std::string(error.what()).find("geheim"), std::string::npos);
  }
}

TEST_F(OptionsTest, TakeTheRegistrysPasswordFromEnvironmentOrFile) {
  EXPECT_NE(Refusal({"--schema-registry-user=u"}).find("needs a password"), std::string::npos);
  environment_ = {{"BOTTLEDWATER_SCHEMA_REGISTRY_PASSWORD", "from environment"}};
  EXPECT_EQ(Parse({"--schema-registry-user=u"}).registry.password, "from environment");
  EXPECT_NE(Refusal({}).find("--schema-registry-user is missing"), std::string::npos);
  const std::string path = WriteFile("password", "from file\r\nignored\n");
  EXPECT_NE(Refusal({"--schema-registry-user=u", "--schema-registry-password-file", path})
                .find("both give"),
            std::string::npos);
  environment_.clear();
  EXPECT_EQ(Parse({"--schema-registry-user=u", "--schema-registry-password-file", path})
                .registry.password,
            "from file");
  const std::string open = WriteFile("open", "x", 0644);
  EXPECT_NE(Refusal({"--schema-registry-user=u", "--schema-registry-password-file", open})
                .find("chmod 600"),
            std::string::npos);
  const std::string empty = WriteFile("empty", "\n");
  EXPECT_NE(Refusal({"--schema-registry-user=u", "--schema-registry-password-file", empty})
                .find("is not a password"),
            std::string::npos);
}

TEST_F(OptionsTest, RefuseCombinationsThatContradict) {
  EXPECT_NE(Refusal({"--schema-registry-cert=c"}), "");
  EXPECT_EQ(Refusal({"--quiet", "--log-level=debug"}),
            "--quiet: means --log-level=warn, which --log-level=debug contradicts; leave one of "
            "them out");
  EXPECT_EQ(Refusal({"--quiet", "--log-level=warn"}), "");
  EXPECT_TRUE(Parse({"--quiet"}).log.quiet);
  EXPECT_NE(Refusal({"resnapshot", "--skip-snapshot"}), "");
}

TEST_F(OptionsTest, TakeTheCommandResnapshot) {
  EXPECT_FALSE(Parse({}).overrides.resnapshot);
  EXPECT_TRUE(Parse({"resnapshot"}).overrides.resnapshot);
  EXPECT_TRUE(Parse({"--slot=a", "resnapshot", "--adopt-slot"}).overrides.resnapshot);
  const Options options = Parse({"resnapshot", "public.a,public.b", "sales.*", "--slot=a"});
  EXPECT_FALSE(options.overrides.resnapshot);
  EXPECT_EQ(options.resnapshot_tables,
            (std::vector<std::string>{"public.a", "public.b", "sales.*"}));
  EXPECT_NE(Refusal({"public.a", "resnapshot"}), "");
  EXPECT_NE(Refusal({"resnapsho"}).find("resnapsho"), std::string::npos);
}

TEST_F(OptionsTest, HelpAndVersionWinOverEverythingElse) {
  for (const char* flag : {"-h", "--help", "--version"}) {
    const CommandLine line = ParseAll({"--nonsense", flag, "--slot=A B"});
    EXPECT_EQ(line.command, nullptr);
    EXPECT_FALSE(line.text.empty());
  }
  EXPECT_EQ(ParseAll({"--help", "--slot"}).command, nullptr);
  EXPECT_EQ(ParseAll({"--version"}).text, "bottledwater " BOTTLEDWATER_VERSION "\n");
  const CommandLine line = ParseAll({"--config-help"});
  EXPECT_EQ(line.command, nullptr);
  EXPECT_NE(line.text.find("sasl.mechanism"), std::string::npos);
}

TEST_F(OptionsTest, HelpListsEveryOptionAndExitCodeWithin100Columns) {
  const std::string help = ParseAll({"--help"}).text;
  for (const OptionSpec& spec : OptionTable()) {
    EXPECT_NE(help.find("--" + std::string(spec.name)), std::string::npos) << spec.name;
  }
  for (const ExitCodeMeaning& row : ExitCodeTable()) {
    EXPECT_NE(help.find(std::string(row.meaning)), std::string::npos) << row.meaning;
  }
  for (const std::string& text : {help, ConfigHelpText()}) {
    size_t begin = 0;
    while (begin < text.size()) {
      const size_t end = text.find('\n', begin);
      ASSERT_NE(end, std::string::npos);
      EXPECT_LE(end - begin, 100u) << text.substr(begin, end - begin);
      EXPECT_TRUE(end == begin || text[end - 1] != ' ') << text.substr(begin, end - begin);
      begin = end + 1;
    }
  }
}

// docs/operations.md is what people read; the table is what the program does.
TEST_F(OptionsTest, DocumentationListsEveryOptionAndExitCode) {
  const auto path = std::filesystem::path(BOTTLEDWATER_SOURCE_DIR) / "docs/operations.md";
  std::ifstream file(path);
  const std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  ASSERT_FALSE(text.empty()) << path;
  for (const OptionSpec& spec : OptionTable()) {
    if (spec.name == "schema-registry-key") continue;  // In the row of its certificate.
    EXPECT_NE(text.find("--" + std::string(spec.name)), std::string::npos) << spec.name;
    if (!spec.default_text.empty() && spec.default_text.find_first_of(" '") == std::string::npos &&
        spec.default_text != "all" && spec.default_text != "none") {
      EXPECT_NE(text.find("`" + std::string(spec.default_text) + "`"), std::string::npos)
          << spec.name;
    }
  }
  for (const ExitCodeMeaning& row : ExitCodeTable()) {
    const int code = static_cast<int>(row.code);
    EXPECT_NE(text.find("| " + std::to_string(code) + " |"), std::string::npos) << code;
  }
}

TEST(EnvironmentOfProcess, HasOnlyOurVariables) {
  setenv("BOTTLEDWATER_SLOT", "from_the_process", 1);
  const Environment environment = EnvironmentOfProcess();
  unsetenv("BOTTLEDWATER_SLOT");
  EXPECT_EQ(environment.at("BOTTLEDWATER_SLOT"), "from_the_process");
  EXPECT_EQ(environment.count("PATH"), 0u);
}

}  // namespace
}  // namespace bw
