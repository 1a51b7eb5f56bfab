// The serial window: every gap counted once, whatever the order, over the wrap and over a boot.

#include "../../native/serials.h"

#include <algorithm>
#include <memory>
#include <random>

#include "harness.h"

using namespace test;
using puppy::SerialWindow;

namespace {

// It is a megabit: too large for a stack under sanitizers with many of them.
std::unique_ptr<SerialWindow> window() { return std::make_unique<SerialWindow>(); }

void noGap() {
  auto w = window();
  for (uint32_t s = 1; s <= 1000; s++) w->see(s, s);
  w->finish();
  CHECK_EQ(w->missing(), 0u);
  CHECK_EQ(w->late(), 0u);
}

void gapsAndRepeats() {
  auto w = window();
  for (const uint32_t s : {5u, 5u, 6u, 9u, 9u, 10u, 20u}) w->see(s, 0);
  w->finish();
  CHECK_EQ(w->missing(), 2u + 9u);
  w->finish();
  CHECK_EQ(w->missing(), 11u);
}

void disorder() {
  auto w = window();
  w->see(1, 0);
  for (uint32_t s = 2; s < 10000; s += 4) {
    for (const uint32_t d : {3u, 1u, 0u, 2u}) w->see(s + d, s / 10);
  }
  w->finish();
  CHECK_EQ(w->missing(), 0u);
  CHECK_EQ(w->late(), 0u);
}

void judgedAfterSlack() {
  auto w = window();
  w->see(1, 1000);
  w->see(3, 1000);
  w->tick(2500);
  CHECK_EQ(w->missing(), 0u);
  w->tick(3100);
  w->tick(5200);
  CHECK_EQ(w->missing(), 1u);
  w->see(2, 5200);
  CHECK_EQ(w->late(), 1u);
  CHECK_EQ(w->missing(), 1u);
}

void neverBeforeSlack() {
  auto w = window();
  w->see(1, 0);
  for (int64_t ms = 0; ms < 100000; ms += 100) {
    const auto s = static_cast<uint32_t>(ms / 50 + 2);
    w->see(s + 1, ms);  // each pair comes the wrong way round, 100 ms apart
    w->see(s, ms + 100);
  }
  w->finish();
  CHECK_EQ(w->missing(), 0u);
  CHECK_EQ(w->late(), 0u);
}

void wrap() {
  auto w = window();
  for (uint32_t i = 0; i < 2000; i++) {
    if (i % 100 != 50) w->see(UINT32_MAX - 999 + i, i);
  }
  w->finish();
  CHECK_EQ(w->missing(), 20u);
}

void wrapInDisorder() {
  auto w = window();
  w->see(UINT32_MAX - 1, 0);
  w->see(1, 0);
  w->see(0, 0);
  w->see(UINT32_MAX, 0);
  w->finish();
  CHECK_EQ(w->missing(), 0u);
}

void farBoot() {
  auto w = window();
  for (uint32_t s = 5000000; s < 5000100; s++) w->see(s, 0);
  for (uint32_t s = 1; s < 100; s++) {
    if (s != 7) w->see(s, 60000);
  }
  w->finish();
  CHECK_EQ(w->missing(), 1u);
  CHECK_EQ(w->late(), 0u);
}

// A short uptime: the new boot's serials lie inside the window.
void nearBoot() {
  auto w = window();
  for (uint32_t s = 1; s < 3000; s++) {
    if (s != 2900) w->see(s, 1000 + s);
  }
  for (uint32_t s = 1; s < 4000; s++) {
    if (s != 7 && s != 3500) w->see(s, 120000 + s);
  }
  w->finish();
  CHECK_EQ(w->missing(), 3u);
  CHECK_EQ(w->late(), 0u);
}

void hugeGap() {
  auto w = window();
  w->see(1, 0);
  w->see(1000002, 0);  // over the window, within what a loss can be
  w->finish();
  CHECK_EQ(w->missing(), 1000000u);
  auto other = window();
  other->see(1, 0);
  other->see(1u << 30, 0);  // another machine's log
  other->finish();
  CHECK_EQ(other->missing(), 0u);
}

void emptyIsNothing() {
  auto w = window();
  w->tick(1000000);
  w->finish();
  CHECK_EQ(w->missing(), 0u);
}

// Against a count that can't be wrong: random loss and bounded disorder.
void againstCount() {
  std::mt19937 random(7);
  for (int round = 0; round < 20; round++) {
    auto w = window();
    const uint32_t start = round % 2 == 0 ? 1u : UINT32_MAX - 20000u;
    std::vector<uint32_t> seen;
    uint64_t lost = 0;
    for (uint32_t i = 0; i < 60000; i++) {
      const bool keep = i == 0 || i == 59999 || random() % 10 != 0;
      if (keep) {
        seen.push_back(start + i);
      } else {
        lost++;
      }
    }
    for (size_t i = 1; i + 8 < seen.size(); i += 8) std::shuffle(&seen[i], &seen[i + 7], random);
    int64_t ms = 0;
    for (const uint32_t s : seen) w->see(s, ms++);
    w->finish();
    CHECK_EQ(w->missing(), lost);
    CHECK_EQ(w->late(), 0u);
  }
}

const Case kCases[] = {{"no gap", noGap},
                       {"gaps and repeats", gapsAndRepeats},
                       {"disorder", disorder},
                       {"judged after the slack", judgedAfterSlack},
                       {"never before the slack", neverBeforeSlack},
                       {"wrap", wrap},
                       {"wrap in disorder", wrapInDisorder},
                       {"a boot far below", farBoot},
                       {"a boot nearby", nearBoot},
                       {"huge gap", hugeGap},
                       {"nothing", emptyIsNothing},
                       {"against a count", againstCount}};

}  // namespace

int main(int argc, char** argv) { return test::main(kCases, argc, argv); }
