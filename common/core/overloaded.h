#pragma once
// std::visit with one lambda per alternative. A catch-all [](auto&) beats [](const A&) for a variant that is not const:
// name all parameters alike, std::visit(Overloaded{[](A&) {}, [](auto&) {}}, variant).

namespace fairlead::core {

template <class... F>
struct Overloaded : F... {
  using F::operator()...;
};
template <class... F>
Overloaded(F...) -> Overloaded<F...>;

}  // namespace fairlead::core
