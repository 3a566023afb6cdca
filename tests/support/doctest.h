#pragma once
// doctest beside our own CHECK: within a test CHECK means doctest's. Include this after what is tested, so that the
// headers under test keep theirs.
#include "common/base/check.h"

#undef CHECK
#include <doctest/doctest.h>
