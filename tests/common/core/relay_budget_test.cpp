#include "common/core/relay_budget.h"

#include "tests/support/doctest.h"

namespace fairlead::core {
namespace {

TEST_CASE("tight from a quarter of the budget on, roomy again below an eighth") {
  RelayBudget budget(800);
  budget.held(199, 0);
  CHECK_FALSE(budget.tight());
  budget.held(200, 199);
  CHECK(budget.tight());
  budget.held(100, 200);
  CHECK(budget.tight());
  budget.held(99, 100);
  CHECK_FALSE(budget.tight());
  budget.held(150, 99);
  CHECK_FALSE(budget.tight());
}

TEST_CASE("what several workers hold is one sum, and what is above the budget has to go") {
  RelayBudget budget(800);
  budget.held(500, 0);
  budget.held(300, 0);
  CHECK(budget.in_use() == 800);
  CHECK(budget.excess() == 0);
  budget.held(450, 300);
  CHECK(budget.excess() == 150);
  budget.held(0, 500);
  CHECK(budget.in_use() == 450);
  CHECK(budget.excess() == 0);
}

TEST_CASE("without a budget nothing is tight and nothing has to go") {
  RelayBudget budget(0);
  budget.held(std::size_t{1} << 40, 0);
  CHECK_FALSE(budget.tight());
  CHECK(budget.excess() == 0);
  budget.set_max(1000);
  budget.held(300, std::size_t{1} << 40);
  CHECK(budget.tight());
}

}  // namespace
}  // namespace fairlead::core
