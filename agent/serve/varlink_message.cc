#include "agent/serve/varlink_message.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "agent/base/status.h"

namespace stronghost {
namespace {

void SetParameters(const Json& parameters, Json* message) {
  if (!parameters.is_object() || !parameters.empty()) {
    (*message)["parameters"] = parameters;
  }
}

std::string Terminated(const Json& message) {
  std::string text = JsonText(message);
  text.push_back('\0');
  return text;
}

}  // namespace

void VarlinkFramer::FindEnd() {
  end_ = buffer_.find('\0', scanned_);
  scanned_ = HasMessage() ? end_ : buffer_.size();
}

absl::Status VarlinkFramer::Append(absl::string_view bytes) {
  if (begin_ > 0) {
    buffer_.erase(0, begin_);
    scanned_ -= begin_;
    end_ -= HasMessage() ? begin_ : 0;
    begin_ = 0;
  }
  buffer_.append(bytes.data(), bytes.size());
  if (!HasMessage()) {
    FindEnd();
  }
  if ((HasMessage() ? end_ : buffer_.size()) > max_message_) {
    return absl::ResourceExhaustedError(
        absl::StrCat("a varlink message exceeds ", max_message_, " bytes"));
  }
  return absl::OkStatus();
}

std::optional<std::string> VarlinkFramer::Next() {
  if (!HasMessage()) {
    return std::nullopt;
  }
  std::string message = buffer_.substr(begin_, end_ - begin_);
  begin_ = end_ + 1;
  scanned_ = begin_;
  FindEnd();
  return message;
}

absl::StatusOr<VarlinkCall> ParseVarlinkCall(absl::string_view message) {
  ASSIGN_OR_RETURN(const Json json, ParseJson(message));
  VarlinkCall call;
  JsonReader reader(json, "call");
  reader.Get("method", &call.method).Optional("oneway", &call.oneway);
  reader.Optional("more", &call.more).Optional("upgrade", &call.upgrade);
  RETURN_IF_ERROR(reader.status());
  if (const auto found = json.find("parameters"); found != json.end() && !found->is_null()) {
    call.parameters = *found;
  }
  return call;
}

absl::StatusOr<VarlinkReply> ParseVarlinkReply(absl::string_view message) {
  ASSIGN_OR_RETURN(Json json, ParseJson(message));
  VarlinkReply reply;
  JsonReader reader(json, "reply");
  reader.Optional("error", &reply.error).Optional("continues", &reply.continues);
  const bool has_parameters = reader.Object("parameters") != nullptr;
  RETURN_IF_ERROR(reader.status());
  if (has_parameters) {
    reply.parameters = std::move(json["parameters"]);
  }
  return reply;
}

std::string EncodeVarlinkCall(const VarlinkCall& call) {
  Json message = {{"method", call.method}};
  SetParameters(call.parameters, &message);
  for (const auto& [key, flag] : {std::pair{"oneway", call.oneway}, std::pair{"more", call.more},
                                  std::pair{"upgrade", call.upgrade}}) {
    if (flag) {
      message[key] = true;
    }
  }
  return Terminated(message);
}

std::string EncodeVarlinkReply(const VarlinkReply& reply) {
  Json message = Json::object();
  if (!reply.error.empty()) {
    message["error"] = reply.error;
  }
  if (reply.continues) {
    message["continues"] = true;
  }
  SetParameters(reply.parameters, &message);
  return Terminated(message);
}

}  // namespace stronghost
