#pragma once

#include "options/option_setters.h"
#include "options/options.h"

// The names of the values of options that have a few.

namespace bw {

inline constexpr Choice<OutputFormat> kOutputFormats[] = {{"avro", OutputFormat::kAvro},
                                                          {"json", OutputFormat::kJson},
                                                          {"plain-json", OutputFormat::kPlainJson}};
inline constexpr Choice<OnTruncate> kOnTruncate[] = {{"log", OnTruncate::kLog},
                                                     {"tombstones", OnTruncate::kTombstones},
                                                     {"halt", OnTruncate::kHalt}};
inline constexpr Choice<Envelope> kEnvelopes[] = {{"none", Envelope::kNone},
                                                  {"debezium", Envelope::kDebezium}};
inline constexpr Choice<OnError> kOnError[] = {{"exit", OnError::kExit},
                                               {"log", OnError::kLog},
                                               {"dead-letter", OnError::kDeadLetter},
                                               {"hold", OnError::kHold}};
inline constexpr Choice<OnCollision> kOnCollision[] = {{"suffix", OnCollision::kSuffix},
                                                       {"hold", OnCollision::kHold}};
inline constexpr Choice<InvalidText> kInvalidText[] = {{"error", InvalidText::kError},
                                                       {"replace", InvalidText::kReplace},
                                                       {"bytes", InvalidText::kBytes}};
inline constexpr Choice<NumericForm> kNumericForms[] = {{"decimal", NumericForm::kDecimal},
                                                        {"string", NumericForm::kString},
                                                        {"double", NumericForm::kDouble}};
inline constexpr Choice<ArrayForm> kArrayForms[] = {{"native", ArrayForm::kNative},
                                                    {"text", ArrayForm::kText}};
inline constexpr Choice<EnumForm> kEnumForms[] = {{"string", EnumForm::kString},
                                                  {"avro", EnumForm::kAvro}};
inline constexpr Choice<IntervalForm> kIntervalForms[] = {
    {"iso", IntervalForm::kIso}, {"text", IntervalForm::kText}, {"micros", IntervalForm::kMicros}};
inline constexpr Choice<TimePrecision> kTimePrecisions[] = {{"micros", TimePrecision::kMicros},
                                                            {"millis", TimePrecision::kMillis}};
inline constexpr Choice<PartitionForm> kPartitionForms[] = {{"root", PartitionForm::kRoot},
                                                            {"leaf", PartitionForm::kLeaf}};
inline constexpr Choice<PartitionBy> kPartitionBy[] = {{"key", PartitionBy::kKey},
                                                       {"key-body", PartitionBy::kKeyBody}};
inline constexpr Choice<SubjectNaming> kSubjectNaming[] = {
    {"topic", SubjectNaming::kTopic},
    {"record", SubjectNaming::kRecord},
    {"topic-record", SubjectNaming::kTopicRecord}};
inline constexpr Choice<bool> kTrueOrFalse[] = {{"true", true}, {"false", false}};
inline constexpr Choice<LogFormat> kLogFormats[] = {{"text", LogFormat::kText},
                                                    {"json", LogFormat::kJson}};
inline constexpr Choice<const char*> kLogLevels[] = {
    {"trace", "trace"}, {"debug", "debug"}, {"info", "info"}, {"warn", "warn"}, {"error", "error"}};

}  // namespace bw
