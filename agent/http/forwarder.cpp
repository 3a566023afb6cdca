#include "agent/http/forwarder.h"

#include <algorithm>
#include <utility>

#include "agent/http/identity_fields.h"
#include "agent/http/refusal_answer.h"
#include "common/base/check.h"

namespace fairlead::agent {
namespace {

using http::BodyCopy;
using wire::Done;
using wire::Malformed;

bool trailer_passes(std::string_view name) {
  return !speaks_of_caller(name) && !is_hop_by_hop(name, {}) && !http::same_word(name, "host");
}

// Collects a head until `parse` has an answer. Views of that answer end with the next change of `held`.
template <class T>
wire::Parsed<T> collect(Bytes& held, ByteView in, wire::Parsed<T> (*parse)(ByteView)) {
  const std::size_t room = http::kMaxHead - std::min(held.size(), http::kMaxHead);
  const ByteView more = in.first(std::min(in.size(), room));
  held.insert(held.end(), more.begin(), more.end());
  return parse(held);
}

}  // namespace

void Forwarder::enter(Asking next) {
  switch (asking_) {
    case Asking::head:
      CHECK(next == Asking::body || next == Asking::asked || next == Asking::over);
      break;
    case Asking::body:
      CHECK(next == Asking::asked || next == Asking::cut);
      break;
    case Asking::asked:
      CHECK(next == Asking::head || next == Asking::tunnel || next == Asking::over || next == Asking::cut);
      break;
    case Asking::tunnel:
      CHECK(next == Asking::over || next == Asking::cut);
      break;
    case Asking::over:
    case Asking::cut:
      CHECK(false);
  }
  asking_ = next;
}

void Forwarder::enter(Answering next) {
  switch (answering_) {
    case Answering::idle:
      CHECK(next == Answering::head || next == Answering::over);
      break;
    case Answering::head:
      CHECK(next != Answering::head);
      break;
    case Answering::body:
      CHECK(next == Answering::idle || next == Answering::over || next == Answering::cut);
      break;
    case Answering::tunnel:
      CHECK(next == Answering::over || next == Answering::cut);
      break;
    case Answering::over:
    case Answering::cut:
      CHECK(false);
  }
  answering_ = next;
}

Forwarder::Fate Forwarder::target_fate() const {
  if (asking_ == Asking::cut) return Fate::aborts;
  return asking_ == Asking::over ? Fate::ends : Fate::open;
}

Forwarder::Fate Forwarder::caller_fate() const {
  if (answering_ == Answering::cut) return Fate::aborts;
  return answering_ == Answering::over ? Fate::ends : Fate::open;
}

std::size_t Forwarder::from_caller(ByteView in) {
  std::size_t taken = 0;
  while (taken < in.size()) {
    const ByteView rest = in.subspan(taken);
    switch (asking_) {
      case Asking::head:
        taken += take_head(rest);
        break;
      case Asking::body:
        taken += take_body(rest);
        break;
      case Asking::asked:
        return taken;
      case Asking::tunnel:
        to_target_.append(rest);
        return in.size();
      case Asking::over:
      case Asking::cut:
        return in.size();
    }
  }
  return taken;
}

std::size_t Forwarder::take_head(ByteView in) {
  const std::size_t before = request_.size();
  const auto parsed = collect(request_, in, &http::parse_request_head);
  if (const auto* bad = std::get_if<Malformed>(&parsed)) {
    asked_.method.clear();
    refuse({bad->reason, "a request's head"});
    return in.size();
  }
  const auto* done = std::get_if<Done<http::RequestHead>>(&parsed);
  if (done == nullptr) return request_.size() - before;
  const std::size_t taken = done->consumed - before;
  pass_on(done->value);
  request_ = Bytes();
  return taken;
}

void Forwarder::pass_on(const http::RequestHead& head) {
  auto request = rewrite_request(head, identity_);
  if (!request) {
    asked_.method = head.method;
    return refuse(request.error());
  }
  asked_ = std::move(*request);
  to_target_.append(asked_.head);
  asked_.head = Bytes();
  goes_on_ = goes_on_ && asked_.persists;
  body_sent_ = BodySent::not_begun;
  body_.emplace(asked_.framing, &trailer_passes);
  enter(Answering::head);
  enter(body_->done() ? Asking::asked : Asking::body);
}

std::size_t Forwarder::take_body(ByteView in) {
  body_sent_ = BodySent::begun;
  const auto taken = body_->copy(in, to_target_.tail());
  if (!taken) {
    refuse(taken.error());
    return in.size();
  }
  if (body_->done()) enter(Asking::asked);
  return *taken;
}

void Forwarder::caller_ended() {
  switch (asking_) {
    case Asking::head:
      enter(Asking::over);
      enter(Answering::over);
      break;
    case Asking::body:
      enter(Asking::cut);
      if (caller_fate() == Fate::open) enter(Answering::cut);
      break;
    case Asking::asked:
      goes_on_ = false;
      break;
    case Asking::tunnel:
      enter(Asking::over);
      break;
    case Asking::over:
    case Asking::cut:
      break;
  }
}

void Forwarder::from_target(ByteView in) {
  while (!in.empty()) {
    std::size_t taken = in.size();
    switch (answering_) {
      case Answering::idle:  // an answer to nothing, such as "you were silent for too long"
        enter(Answering::over);
        end_asking();
        break;
      case Answering::head:
        taken = take_answer_head(in);
        break;
      case Answering::body:
        taken = take_answer_body(in);
        break;
      case Answering::tunnel:
        to_caller_.append(in);
        break;
      case Answering::over:
      case Answering::cut:
        break;
    }
    in = in.subspan(taken);
  }
}

std::size_t Forwarder::take_answer_head(ByteView in) {
  const std::size_t before = answer_.size();
  const auto parsed = collect(answer_, in, &http::parse_response_head);
  if (const auto* bad = std::get_if<Malformed>(&parsed)) {
    distrust({bad->reason, "an answer's head"});
    return in.size();
  }
  const auto* done = std::get_if<Done<http::ResponseHead>>(&parsed);
  if (done == nullptr) return answer_.size() - before;
  const std::size_t taken = done->consumed - before;
  pass_back(done->value);
  answer_ = Bytes();
  return taken;
}

void Forwarder::pass_back(const http::ResponseHead& head) {
  const auto answer = rewrite_answer(head, asked_, body_sent_);
  if (!answer) return distrust(answer.error());
  answered_ = true;
  if (answer->interim) {
    if (head.status == 100) asked_.expects_continue = false;
    if (asked_.minor == 1) to_caller_.append(answer->head);
    return;
  }
  to_caller_.append(answer->head);
  if (answer->switches) {
    enter(Answering::tunnel);
    return enter(Asking::tunnel);
  }
  goes_on_ = goes_on_ && answer->persists;
  answer_body_.emplace(answer->framing, &trailer_passes);
  enter(Answering::body);
  if (answer_body_->done()) exchanged();
}

std::size_t Forwarder::take_answer_body(ByteView in) {
  const auto taken = answer_body_->copy(in, to_caller_.tail());
  if (!taken) {
    distrust(taken.error());
    return in.size();
  }
  if (answer_body_->done()) exchanged();
  return *taken;
}

// An answer that came before its request was complete leaves nobody a way to tell where the next one begins.
void Forwarder::exchanged() {
  served_ = true;
  if (asking_ == Asking::asked && goes_on_) {
    enter(Answering::idle);
    return enter(Asking::head);
  }
  enter(Answering::over);
  end_asking();
}

void Forwarder::end_asking() {
  if (target_fate() == Fate::open) enter(asking_ == Asking::body ? Asking::cut : Asking::over);
}

// A connection that served before and ends without a word is left without one: the caller may ask once more by itself
// (RFC 9112 §9.3.1), which it would not do after an answer of ours.
void Forwarder::target_ended(End how) {
  switch (answering_) {
    case Answering::idle:
      enter(Answering::over);
      return end_asking();
    case Answering::head:
      if (!served_ || !answer_.empty()) return refuse({Reason::service_unanswered, "it ended the connection"});
      enter(Answering::over);
      return enter(Asking::cut);
    case Answering::body:
      if (how == End::orderly && answer_body_->end_of_stream()) return exchanged();
      enter(Answering::cut);
      if (target_fate() == Fate::open) enter(Asking::cut);
      return;
    case Answering::tunnel:
      enter(how == End::orderly ? Answering::over : Answering::cut);
      if (how == End::broken && target_fate() == Fate::open) enter(Asking::cut);
      return;
    case Answering::over:
    case Answering::cut:
      return;
  }
}

// The caller hears why unless an answer is on its way already.
void Forwarder::refuse(Error error) {
  if (!refusal_) refusal_ = std::move(error);
  const bool asked = answering_ != Answering::idle;
  if (answering_ == Answering::idle || answering_ == Answering::head) {
    to_caller_.append(refusal_answer(refusal_->reason, asked_.method));
    enter(Answering::over);
  } else {
    enter(Answering::cut);
  }
  request_ = Bytes();
  answer_ = Bytes();
  enter(asked ? Asking::cut : Asking::over);
}

void Forwarder::distrust(const Error& error) {
  refuse({Reason::service_not_http, error.detail});
}

}  // namespace fairlead::agent
