#pragma once
// Named limits that are taken and given back: used, highest use and maximum are what `status` shows. Any thread.
#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <functional>
#include <mutex>
#include <optional>
#include <unordered_map>
#include <utility>

namespace fairlead {

class Gauge;

// One unit of a gauge; gives it back when destroyed. The gauge outlives it.
class GaugeToken {
 public:
  GaugeToken() = default;
  explicit GaugeToken(Gauge& gauge) : gauge_(&gauge) {}
  GaugeToken(GaugeToken&& other) noexcept : gauge_(std::exchange(other.gauge_, nullptr)) {}
  GaugeToken& operator=(GaugeToken&& other) noexcept {
    std::swap(gauge_, other.gauge_);
    return *this;
  }
  ~GaugeToken();

 private:
  Gauge* gauge_ = nullptr;  // null: empty token
};

class Gauge {
 public:
  explicit Gauge(std::size_t max) : max_(max) {}

  std::optional<GaugeToken> take() {
    const std::size_t used = used_.fetch_add(1, std::memory_order_relaxed) + 1;
    if (used > max_.load(std::memory_order_relaxed)) {
      give();
      return std::nullopt;
    }
    return GaugeToken(*this);
  }
  // Beyond the maximum, where the caller makes room elsewhere.
  GaugeToken take_anyway() {
    used_.fetch_add(1, std::memory_order_relaxed);
    return GaugeToken(*this);
  }
  void give() { used_.fetch_sub(1, std::memory_order_relaxed); }

  std::size_t used() const { return used_.load(std::memory_order_relaxed); }
  std::size_t max() const { return max_.load(std::memory_order_relaxed); }
  void set_max(std::size_t max) { max_.store(max, std::memory_order_relaxed); }

 private:
  std::atomic<std::size_t> used_{0};
  std::atomic<std::size_t> max_;
};

inline GaugeToken::~GaugeToken() {
  if (gauge_ != nullptr) gauge_->give();
}

// A limit per key (source address, service): counts only keys in use, so its size is bounded by what it counts.
template <class Key>
class KeyedGauge {
 public:
  class Token {
   public:
    Token() = default;
    Token(KeyedGauge& gauge, Key key) : gauge_(&gauge), key_(std::move(key)) {}
    Token(Token&& other) noexcept : gauge_(std::exchange(other.gauge_, nullptr)), key_(std::move(other.key_)) {}
    Token& operator=(Token&& other) noexcept {
      std::swap(gauge_, other.gauge_);
      std::swap(key_, other.key_);
      return *this;
    }
    ~Token() {
      if (gauge_ != nullptr) gauge_->give(key_);
    }

   private:
    KeyedGauge* gauge_ = nullptr;  // null: empty token
    Key key_{};
  };

  explicit KeyedGauge(std::size_t max) : max_(max) {}

  std::optional<Token> take(const Key& key) { return take(key, max()); }
  // With a maximum of its own.
  std::optional<Token> take(const Key& key, std::size_t max) {
    Shard& shard = shard_of(key);
    const std::lock_guard lock(shard.mutex);
    std::size_t& used = shard.used[key];
    if (used >= max) {
      if (used == 0) shard.used.erase(key);
      return std::nullopt;
    }
    ++used;
    return Token(*this, key);
  }

  // The key in most use: what `status` compares with the maximum.
  std::size_t highest() const {
    return highest([](const Key&, std::size_t used) { return used; });
  }
  // By a measure of its own: measure(key, used).
  template <class Measure>
  std::size_t highest(Measure measure) const {
    std::size_t highest = 0;
    for (const Shard& shard : shards_) {
      const std::lock_guard lock(shard.mutex);
      for (const auto& [key, used] : shard.used) highest = std::max(highest, measure(key, used));
    }
    return highest;
  }
  std::size_t max() const { return max_.load(std::memory_order_relaxed); }
  void set_max(std::size_t max) { max_.store(max, std::memory_order_relaxed); }

 private:
  struct Shard {
    mutable std::mutex mutex;
    std::unordered_map<Key, std::size_t> used;
  };

  Shard& shard_of(const Key& key) { return shards_[std::hash<Key>()(key) % shards_.size()]; }
  void give(const Key& key) {
    Shard& shard = shard_of(key);
    const std::lock_guard lock(shard.mutex);
    const auto at = shard.used.find(key);
    if (--at->second == 0) shard.used.erase(at);
  }

  std::atomic<std::size_t> max_;
  std::array<Shard, 16> shards_;
};

}  // namespace fairlead
