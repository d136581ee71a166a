// Latencies in logarithmic buckets, after the idea of HdrHistogram: 64 steps for each doubling, so that any
// percentile is known to 1.6 %, from 1 ns to minutes, in a table of fixed size.
#pragma once
#include <stdint.h>

#define STEPS_LOG2 6
#define STEPS (1u << STEPS_LOG2)
#define BUCKETS ((64 - STEPS_LOG2 + 1) * STEPS)

struct histogram {
  uint64_t count, max;
  uint64_t buckets[BUCKETS];
};

// Values below STEPS have a bucket of their own; above, the leading bit chooses the row and the next six the step.
static inline unsigned bucket_of(uint64_t value) {
  if (value < STEPS) return (unsigned)value;
  unsigned shift = 63u - (unsigned)__builtin_clzll(value) - STEPS_LOG2;
  return (shift + 1) * STEPS + (unsigned)((value >> shift) - STEPS);
}

// The middle of what falls into the bucket.
static inline uint64_t value_of(unsigned bucket) {
  if (bucket < STEPS) return bucket;
  unsigned shift = bucket / STEPS - 1;
  uint64_t low = (uint64_t)(bucket % STEPS + STEPS) << shift;
  return low + (shift ? (1ull << shift) / 2 : 0);
}

static inline void record(struct histogram *histogram, uint64_t value) {
  histogram->buckets[bucket_of(value)]++;
  histogram->count++;
  if (value > histogram->max) histogram->max = value;
}

// The smallest recorded value that at least this share of all does not exceed.
static inline uint64_t percentile(const struct histogram *histogram, double share) {
  uint64_t rank = (uint64_t)(share * (double)histogram->count + 0.999999), seen = 0;
  if (rank == 0) rank = 1;
  for (unsigned bucket = 0; bucket < BUCKETS; bucket++) {
    seen += histogram->buckets[bucket];
    if (seen >= rank) return value_of(bucket) < histogram->max ? value_of(bucket) : histogram->max;
  }
  return histogram->max;
}
