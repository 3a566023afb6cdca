#pragma once
// Objects of one worker under numbers that are never reused, so that a late message about a dead one finds nothing.
#include <cstdint>
#include <memory>
#include <unordered_map>
#include <vector>

namespace fairlead::rendezvous {

template <class T>
class Numbered {
 public:
  T& add(std::unique_ptr<T> object) {
    object->number = ++last_;
    return *(objects_[last_] = std::move(object));
  }
  T* find(std::uint64_t number) const {
    const auto at = objects_.find(number);
    return at == objects_.end() ? nullptr : at->second.get();
  }
  // Null when it is not there any more.
  std::unique_ptr<T> take(std::uint64_t number) {
    const auto at = objects_.find(number);
    if (at == objects_.end()) return nullptr;
    auto object = std::move(at->second);
    objects_.erase(at);
    return object;
  }
  std::size_t size() const { return objects_.size(); }
  std::vector<std::uint64_t> numbers() const {
    std::vector<std::uint64_t> out;
    out.reserve(objects_.size());
    for (const auto& [number, object] : objects_) out.push_back(number);
    return out;
  }

 private:
  std::unordered_map<std::uint64_t, std::unique_ptr<T>> objects_;
  std::uint64_t last_ = 0;
};

}  // namespace fairlead::rendezvous
