//! A histogram without a lock: the library's own takes one for each observation, and all workers would meet at it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use prometheus_client::encoding::{EncodeMetric, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::{MetricType, TypedMetric};

/// Counts observations in fixed buckets; cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct Histogram(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    /// Upper bounds, inclusive, rising, in whole units.
    bounds: &'static [u64],
    /// One for each bound, and one beyond the last.
    counts: Box<[AtomicU64]>,
    sum: AtomicU64,
    /// How many units make one of what is shown: nanoseconds are counted, seconds are shown.
    scale: f64,
}

impl Histogram {
    pub(super) fn of_seconds() -> Histogram {
        Histogram::new(NANOSECONDS, 1e9)
    }

    pub(super) fn of_bytes() -> Histogram {
        Histogram::new(BYTES, 1.0)
    }

    fn new(bounds: &'static [u64], scale: f64) -> Histogram {
        let counts = (0..=bounds.len()).map(|_| AtomicU64::new(0)).collect();
        Histogram(Arc::new(Inner { bounds, counts, sum: AtomicU64::new(0), scale }))
    }

    pub(super) fn observe_duration(&self, time: Duration) {
        self.observe(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX));
    }

    pub(super) fn observe(&self, value: u64) {
        let bucket = self.0.bounds.partition_point(|bound| *bound < value);
        self.0.counts[bucket].fetch_add(1, Ordering::Relaxed);
        self.0.sum.fetch_add(value, Ordering::Relaxed);
    }
}

impl TypedMetric for Histogram {
    const TYPE: MetricType = MetricType::Histogram;
}

impl EncodeMetric for Histogram {
    #[expect(clippy::cast_precision_loss, reason = "a sum of times needs no more than 53 bits")]
    fn encode(&self, mut encoder: MetricEncoder<'_>) -> Result<(), std::fmt::Error> {
        let inner = &*self.0;
        let bounds = inner.bounds.iter().map(|bound| *bound as f64 / inner.scale).chain([f64::INFINITY]);
        let counts = inner.counts.iter().map(|count| count.load(Ordering::Relaxed));
        let buckets: Vec<(f64, u64)> = bounds.zip(counts).collect();
        // Counted from the same reading as the buckets, so that a scrape in the middle of an observation is whole.
        let count = buckets.iter().map(|(_, count)| count).sum();
        let sum = inner.sum.load(Ordering::Relaxed) as f64 / inner.scale;
        encoder.encode_histogram::<NoLabelSet>(sum, count, &buckets, None)
    }

    fn metric_type(&self) -> MetricType {
        Self::TYPE
    }
}

const MICROSECOND: u64 = 1_000;
const MILLISECOND: u64 = 1_000 * MICROSECOND;
const SECOND: u64 = 1_000 * MILLISECOND;

/// From what the gate takes when all is well to what `limits.upstream_timeout` allows.
const NANOSECONDS: &[u64] = &[
    50 * MICROSECOND,
    100 * MICROSECOND,
    250 * MICROSECOND,
    500 * MICROSECOND,
    MILLISECOND,
    2_500 * MICROSECOND,
    5 * MILLISECOND,
    10 * MILLISECOND,
    25 * MILLISECOND,
    50 * MILLISECOND,
    100 * MILLISECOND,
    250 * MILLISECOND,
    500 * MILLISECOND,
    SECOND,
    2_500 * MILLISECOND,
    5 * SECOND,
    10 * SECOND,
    30 * SECOND,
    60 * SECOND,
];

/// Around one cookie (4,096), the default `cookie_budget` (7 KiB) and what servers take in a head (8 and 16 KiB).
const BYTES: &[u64] = &[512, 1024, 1536, 2048, 3072, 4096, 5120, 6144, 7168, 8192, 12288, 16384];

#[cfg(test)]
mod tests {
    use prometheus_client::registry::Registry;

    use super::*;

    fn shown(histogram: &Histogram) -> String {
        let mut registry = Registry::default();
        registry.register("h", "About it", histogram.clone());
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &registry).unwrap();
        text
    }

    #[test]
    fn a_bound_belongs_to_its_own_bucket_and_buckets_add_up() {
        let histogram = Histogram::of_bytes();
        for bytes in [512, 513, 4096, 1_000_000] {
            histogram.observe(bytes);
        }
        let text = shown(&histogram);
        for line in [
            "h_bucket{le=\"512.0\"} 1",
            "h_bucket{le=\"1024.0\"} 2",
            "h_bucket{le=\"3072.0\"} 2",
            "h_bucket{le=\"4096.0\"} 3",
            "h_bucket{le=\"16384.0\"} 3",
            "h_bucket{le=\"+Inf\"} 4",
            "h_count 4",
            "h_sum 1005121.0",
        ] {
            assert!(text.lines().any(|shown| shown == line), "{line} in\n{text}");
        }
    }

    #[test]
    fn times_are_shown_in_seconds() {
        let histogram = Histogram::of_seconds();
        histogram.observe_duration(Duration::from_millis(100));
        let text = shown(&histogram);
        assert!(text.contains("h_sum 0.1\n"), "{text}");
        assert!(text.contains("h_bucket{le=\"0.05\"} 0\n"), "{text}");
        assert!(text.contains("h_bucket{le=\"0.1\"} 1\n"), "{text}");
    }
}
